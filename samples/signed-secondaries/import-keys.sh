#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# import-keys.sh COPY ZONE...: makes the keys of zones on a secondary, with all their times, those of the
# primary. COPY is a directory that `knotc zone-backup` made there. Nothing is changed for a zone without
# keys in it. To be run as the user that knotd runs as, because the keys have to be readable for it.

set -eu

copy=${1:?a directory is missing}
shift
[ -d "$copy/keys/keys" ] || { echo "$copy: no copy of keys, or not readable for $(id -un)" >&2 && exit 1; }

ids() {
	keymgr "$@" list | awk '{ print $1 }'
}

# import LINE: LINE is one of `keymgr list`: ID TAG [SORT] ALGORITHM NAME=TIME... Without a time there a key is not active,
# but keymgr takes it for active from now on unless it is told.
import() {
	times='active=0' algorithm='' ksk=no zsk=no id=${1%% *}
	for word in ${1#* }; do
		case $word in
		*=*) times="$times $word" ;;
		KSK) ksk=yes ;;
		ZSK) zsk=yes ;;
		CSK) ksk=yes zsk=yes ;;
		*) algorithm=$word ;; # behind the tag
		esac
	done
	if ! ids "$zone" | grep -qx "$id"; then
		# shellcheck disable=SC2086
		keymgr "$zone" import-pem "$copy/keys/keys/$id.pem" "algorithm=$algorithm" ksk=$ksk zsk=$zsk $times >/dev/null
	fi
	# shellcheck disable=SC2086
	keymgr "$zone" set "$id" $times >/dev/null
}

status=0
for zone; do
	theirs=$(keymgr -D "$copy/keys" "$zone" list)
	if [ -z "$theirs" ]; then
		echo "$zone: no keys in $copy" >&2
		status=1
		continue
	fi
	printf '%s\n' "$theirs" | while read -r line; do
		import "$line"
	done
	for id in $(ids "$zone"); do
		printf '%s\n' "$theirs" | grep -q "^$id " || keymgr "$zone" delete "$id" >/dev/null
	done
	# A zone that had no keys is not loaded yet: it is transferred now.
	knotc -b zone-keys-load "$zone" >/dev/null || :
	knotc zone-refresh "$zone" >/dev/null
done
exit $status
