# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Completion for kalias. Commands and options are those of its --help, zones those of knotd.

# _kalias_offer CURRENT: takes the lines of standard input that begin with the current word. They
# are not for compgen -W, which would expand them.
_kalias_offer() {
	local line
	while IFS= read -r line; do
		[[ $line != "$1"* ]] || COMPREPLY+=("$line")
	done
}

_kalias_files() {
	compopt -o filenames 2>/dev/null
	_kalias_offer '' < <(compgen -f -- "$1")
}

# _kalias_options PROGRAM COMMAND: what its line of the help has, and its own help, if there is one.
_kalias_options() {
	{
		"$1" --help | grep "^ $2 "
		"$1" "$2" --help
	} 2>/dev/null </dev/null | grep -o -e '--[a-z][a-z-]*' | sort -u
}

_kalias() {
	local program=$1 current=$2 command='' knotd=() word i
	COMPREPLY=()

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-c | --config | -s | --socket | -t | --timeout)
			# The shell splits --option=value at the equals sign.
			[[ ${COMP_WORDS[i + 1]} != '=' ]] || ((i++))
			if ((++i >= COMP_CWORD)); then
				[[ $word == -t || $word == --timeout ]] || _kalias_files "${current#=}"
				return
			fi
			knotd+=("$word" "${COMP_WORDS[i]}")
			;;
		-*) ;;
		*)
			command=$word
			break
			;;
		esac
	done

	case $command,$current in
	,-*)
		_kalias_offer "$current" < <("$program" --help | sed -n '/^Commands:/q; s/.* \(--[a-z]*\).*/\1/p')
		;;
	,*)
		_kalias_offer "$current" < <("$program" --help | sed -n '1,/^Commands:/d; s/^ \([a-z]*\) .*/\1/p')
		;;
	*,-*)
		_kalias_offer "$current" < <(_kalias_options "$program" "$command")
		;;
	convert,*)
		_kalias_files "$current"
		;;
	rr,* | set,* | unset,* | list,* | check,* | warm,* | expand,*)
		# The zone comes first, after options. rr has one for --update only.
		[[ $command != rr || ${COMP_WORDS[COMP_CWORD - 1]} == --update ]] || return
		[[ ${COMP_WORDS[COMP_CWORD - 1]} == "$command" || ${COMP_WORDS[COMP_CWORD - 1]} == -* ]] || return
		_kalias_offer "$current" < <(knotc "${knotd[@]}" -t 1 zone-status +serial 2>/dev/null |
			sed -n 's/^\[\([^]]*\)\].*/\1/p')
		;;
	esac
}

complete -F _kalias kalias
