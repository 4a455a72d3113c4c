#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The first steps of a new user, with nothing but README.md, the samples and kalias: install, start
# knotd, give a zone an ALIAS at its apex, ask for it; then move zones here from other servers, from their
# exports to answers. What is installed is taken away again; the servers stay on loopback. For root. With
# --package FILE, that package is installed instead.

set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests-extra/lib.sh
. "$top/tests-extra/lib.sh"

port='' knot='' resolver='' out='' module='' package=''
[ "${1-}" != --package ] || package=${2:?--package needs a file}

finish() {
	[ $? = 0 ] || tail -n 15 "$work"/*/log >&2 2>/dev/null || :
	stop_jobs
	if [ "$package" ]; then
		apt-get -qq -y purge mod-alias >/dev/null
	elif [ -e "$work/installed" ]; then
		make -s -C "$work/src" uninstall >/dev/null
	fi
	rm -rf "$work"
}
make_work

# shown HEADLINE: the commands below a headline of README.md.
shown() {
	sed -n "/^## $1\$/,/^## /s/^    //p" "$top/README.md"
}

# recipe NAME: the commands of samples/README.md for zones from NAME, once they are exported.
recipe() {
	sed -n "/^### $1\$/,/^###* /s/^    //p" "$top/samples/README.md" | grep -v '^pdnsutil '
}

answers() {
	kdig +short +retry=0 @127.0.0.1 -p "$knot" "$1" "$2" 2>/dev/null | grep -qx "$3"
}

# expect_answer NAME TYPE ADDRESS
expect_answer() {
	wait_for 10 answers "$@" || die "$1 $2 is not $3"
	run kdig +noall +answer @127.0.0.1 -p "$knot" "$1" "$2"
}

[ "$(id -u)" = 0 ] || die "installs and uninstalls, which takes root"
! installed_module || die "$module is installed already"
need_packages "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}" knot-dnssecutils

say "Install, as README.md says"
mkdir "$work/src" "$work/knot" "$work/unbound"
copy_tree "$work/src"
echo 'APT::Get::Assume-Yes "true";' >"$work/apt.conf"
touch "$work/installed"
if ! (
	cd "$work/src"
	export APT_CONFIG=$work/apt.conf
	if [ "$package" ]; then
		apt-get install "$package"
	else
		bash -eux <(shown Install | sed '/^module:/,$d')
	fi
) >"$work/install.log" 2>&1; then
	tail -n 30 "$work/install.log" >&2
	die "the commands of README.md fail"
fi
installed_module || die "no module installed"
run kalias --version

say "A resolver; here one that knows the target without asking anybody"
free_port
resolver=$port
start_unbound unbound "$resolver" '
    local-data: "cdn.provider.example. 60 A 203.0.113.10"
    local-data: "cdn.provider.example. 60 AAAA 2001:db8:cd::10"'

say "knotd with samples/knot.conf, but for addresses and paths; a zone file that was written for others"
free_port
knot=$port
adapt_sample knot "$knot" "$resolver"
cp "$top/samples/example.net.zone" "$work/knot/"
cat >"$work/theirs.zone" <<'END'
$ORIGIN example.com.
$TTL 3600
@	IN	SOA	ns1 hostmaster 1 10800 3600 1209600 300
@	IN	NS	ns1
@	IN	ALIAS	cdn.provider.example.
@	IN	MX	10 mail
ns1	IN	A	192.0.2.53
www	IN	CNAME	@
END
kalias convert "$work/theirs.zone" >"$work/knot/example.com.zone"
run knotc -c "$work/knot/knot.conf" conf-check
start knot knotd -c "$work/knot/knot.conf"

say "The apex from the converted file"
expect_answer example.com A 203.0.113.10
expect_answer example.com AAAA 2001:db8:cd::10

say "An ALIAS on the running server"
run kalias -c "$work/knot/knot.conf" set example.net @ 3600 cdn.provider.example
expect_answer example.net A 203.0.113.10
run kalias -c "$work/knot/knot.conf" list
run kalias -c "$work/knot/knot.conf" check

say "Zones from PowerDNS and Cloudflare: their exports, and the commands of samples/README.md"
mkdir "$work/moved"
cp "$top/samples/migration/nameservers.zone" "$work/moved/"
cat >"$work/moved/powerdns.zone" <<'END'
$ORIGIN .
blog.example.com	300	IN	ALIAS	cdn.provider.example.
example.com	300	IN	ALIAS	cdn.provider.example.
example.com	3600	IN	CAA	0 issue "ca.example"
example.com	3600	IN	MX	10 mail.example.com.
example.com	3600	IN	NS	ns1.example.com.
example.com	3600	IN	SOA	ns1.example.com. hostmaster.example.com. 2026112701 10800 3600 604800 300
mail.example.com	3600	IN	A	192.0.2.26
ns1.example.com	3600	IN	A	192.0.2.53
END
cat >"$work/moved/cloudflare.zone" <<'END'
;;
;; Domain:     example.net.
;; Exported:   2026-11-27 09:30:00
;;

;; SOA Record
example.net	3600	IN	SOA	eve.ns.cloudflare.com. dns.cloudflare.com. 2052112233 10000 2400 604800 3600

;; NS Records
example.net.	86400	IN	NS	eve.ns.cloudflare.com.
example.net.	86400	IN	NS	max.ns.cloudflare.com.

;; A Records
mail.example.net.	1	IN	A	192.0.2.27 ; cf_tags=cf-proxied:false

;; CNAME Records
example.net.	1	IN	CNAME	cdn.provider.example. ; cf_tags=cf-proxied:true
www.example.net.	1	IN	CNAME	example.net. ; cf_tags=cf-proxied:true

;; MX Records
example.net.	1	IN	MX	10 mail.example.net.

;; TXT Records
example.net.	1	IN	TXT	"v=spf1 mx -all"
END
for name in PowerDNS Cloudflare; do
	(cd "$work/moved" && run bash -eux <(recipe $name))
done
free_port
knot=$port
adapt_sample moved "$knot" "$resolver"
run knotc -c "$work/moved/knot.conf" conf-check
start moved knotd -c "$work/moved/knot.conf"
for name in example.com blog.example.com example.net; do
	expect_answer $name A 203.0.113.10
	expect_answer $name AAAA 2001:db8:cd::10
done
expect_answer example.com MX "10 mail.example.com."
expect_answer example.net TXT '"v=spf1 mx -all"'
expect_answer example.net NS ns1.example.com.
expect_answer www.example.net CNAME example.net.
run kalias -c "$work/moved/knot.conf" check

say "All as expected."
