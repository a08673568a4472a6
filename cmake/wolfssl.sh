#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Build a static wolfSSL with assembly and print the prefix (include/, lib/) it stands in.
#
# The prefix lies in a cache outside the build tree and is named by version and flags, so that a
# second run, another build directory or another clone reuses it. Progress goes to standard
# error; the last line of standard output is the prefix.
#
# LUNEL_WOLFSSL chooses where the source comes from:
#   (unset)     the pinned release by whichever road is open, else the distribution's source
#   PATH        a release tarball, a source directory, or an installed prefix
#   upstream    the pinned release, or failure
#   distro      the running distribution's source package with its patches
#   system      the system's own library: no assembly, about 25 times slower
# LUNEL_CACHE   where the cache is (default: XDG_CACHE_HOME/lunel or ~/.cache/lunel)

set -eu
umask 022
LC_ALL=C
export LC_ALL

VERSION=5.9.2
SHA256=2f4ef3d4fd387a9b3191d36a6316d69116c46ff69bb9583b6c82b36d7b8ca114
URL=https://github.com/wolfSSL/wolfssl/archive/refs/tags/v$VERSION-stable.tar.gz
# Raise when this script changes what it installs without a change of flags.
VARIANT=2

cache=${LUNEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lunel}/wolfssl
want=${LUNEL_WOLFSSL:-auto}
work=

say() {
	echo "wolfssl: $*" >&2
}

die() {
	say "$*"
	exit 1
}

sweep() {
	[ -z "$work" ] || rm -rf "$work"
}
trap sweep EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# What the engine needs of the library, of whatever version: build() leaves out the options that
# a version's configure script does not know.
options() {
	cat <<-'LIST'
		--enable-static --disable-shared --with-pic
		--disable-examples --disable-crypttests --disable-benchmark
		--enable-tls13 --disable-oldtls --disable-tlsv10 --disable-sslv3
		--disable-session-ticket --disable-crl-monitor --disable-dtls
		--enable-keying-material --enable-supportedcurves --enable-extended-master
		--enable-aesgcm --enable-aescbc --enable-aesctr
		--enable-chacha --enable-poly1305
		--enable-md5 --enable-sha --enable-sha224 --enable-sha384 --enable-sha512
		--enable-sha3 --enable-shake256 --enable-hkdf
		--enable-des3 --enable-rc2 --enable-pwdbased --enable-pkcs8 --enable-pkcs12
		--enable-enckeys --enable-rsa --enable-rsapss --enable-dh
		--enable-ecc --enable-curve25519 --enable-ed25519 --enable-curve448 --enable-ed448
		--enable-mlkem --enable-crl --enable-pkcallbacks
		--enable-certgen --enable-certreq --enable-certext --enable-keygen
		--enable-sp=yes --enable-sp-asm --enable-sp-math-all
	LIST
	case $(uname -m) in
	x86_64) echo --enable-intelasm ;;
	aarch64) echo --enable-armasm ;;
	esac
}

# The clock (wc_SetTimeCb) and the allocators need no switch; the seed of the random source does.
# The verify callback shall see every certificate of a chain, good or bad. Nothing on the
# record or AEAD path may use the heap, so no small-stack build.
defines() {
	cat <<-'LIST'
		-DWC_RNG_SEED_CB -DWOLFSSL_HAVE_PRF -DWOLFSSL_GETRANDOM=1
		-DWOLFSSL_ALT_NAMES -DWOLFSSL_IP_ALT_NAME -DWOLFSSL_ENCRYPTED_KEYS
		-DWOLFSSL_ALWAYS_VERIFY_CB -DWOLFSSL_VERIFY_CB_ALL_CERTS
		-DHAVE_ECC384 -DHAVE_ECC521 -DHAVE_FFDHE_3072 -DHAVE_FFDHE_4096
		-DNO_SESSION_CACHE
	LIST
}

compiler_flags() {
	echo '-O2 -g1 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wno-error'
}

sha256() {
	sha256sum "$1" | cut -d ' ' -f 1
}

# One word that changes whenever the result of a build would.
key() {
	{
		echo "$VARIANT" "$(uname -m)"
		options
		defines
		compiler_flags
		${CC:-cc} --version | head -n 1
	} | sha256sum | cut -c 1-12
}

prefix_of() {
	echo "$cache/wolfssl-$1-$key"
}

is_prefix() {
	[ -f "$1/include/wolfssl/options.h" ] && [ -f "$1/lib/libwolfssl.a" ]
}

# ---- source roads: each leaves the unpacked source in $work/src, or fails ----

unpack() {
	rm -rf "$work/src"
	mkdir "$work/src"
	tar -C "$work/src" --strip-components=1 -xf "$1"
}

keep_tarball() {
	[ "$(sha256 "$1")" = "$SHA256" ] || return 1
	cp "$1" "$cache/.part.$$" && mv "$cache/.part.$$" "$cache/wolfssl-$VERSION.tar.gz"
}

from_cache() {
	[ -f "$cache/wolfssl-$VERSION.tar.gz" ] || return 1
	[ "$(sha256 "$cache/wolfssl-$VERSION.tar.gz")" = "$SHA256" ]
}

from_upstream() {
	say "asking upstream for $VERSION"
	if command -v curl >/dev/null; then
		curl -fsL --connect-timeout 5 --speed-limit 20000 --speed-time 10 \
			-o "$work/up.tar.gz" "$URL" || return 1
	elif command -v wget >/dev/null; then
		wget -q --tries=1 --connect-timeout=5 --read-timeout=10 \
			-O "$work/up.tar.gz" "$URL" || return 1
	else
		return 1
	fi
	keep_tarball "$work/up.tar.gz" || {
		say "upstream's archive has another hash than the pinned one; not used"
		return 1
	}
}

# A private apt beside the system's: own lists, cache and source list, same keys and proxies.
private_apt() {
	tool=$1
	shift
	"$tool" -q -o "Dir::Etc::SourceList=$work/apt/sources.list" -o "Dir::Etc::SourceParts=$work/apt/none" \
		-o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache" \
		-o Acquire::Languages=none -o Acquire::Retries=1 \
		-o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15 \
		-o APT::Sandbox::User=root "$@"
}

# Each repository of the running release that the machine's own sources name, in either format:
# "URI release component options".
machine_sources() {
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$codename" ] || return 1
	apt-get indextargets --no-release-info \
		--format "\$(REPO_URI) \$(RELEASE) \$(COMPONENT) \$(SOURCESENTRY)" \
		'Created-By: Packages' | sort -u | while read -r uri release component entry; do
		[ "$component" = main ] || continue
		case $release in
		"$codename" | "$codename-updates" | "$codename-security" | "$codename/updates")
			echo "$uri $release $component $(source_options "${entry%:*}")"
			;;
		esac
	done
}

# The keys that a source file |$1| trusts, as the options of a one-line entry.
source_options() {
	keys=$(
		{
			sed -n 's/^[Ss]igned-[Bb]y:[[:space:]]*//p; s/^deb.*\[.*signed-by=\([^] ]*\).*/\1/p' "$1"
			echo /usr/share/keyrings/debian-archive-keyring.gpg
		} | tr -s ', ' '\n' | sort -u | while read -r file; do
			case $file in /*) [ ! -f "$file" ] || echo "$file" ;; esac
		done | paste -s -d , -
	)
	grep -Eiq '^trusted:[[:space:]]*yes|^deb.*\[.*trusted=yes' "$1" && trusted=trusted=yes || trusted=
	set -- ${keys:+"signed-by=$keys"} ${trusted:+"$trusted"}
	[ $# -eq 0 ] || echo "[$*]"
}

# Write the private source list: the machine's own, or with |$1| in place of its release.
source_list() {
	command -v apt-get >/dev/null || return 1
	rm -rf "$work/apt"
	mkdir -p "$work/apt/none" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
	machine_sources | while read -r uri release component with; do
		if [ -n "${1:-}" ]; then
			case $release in *[-/]*) continue ;; esac
			release=$1
		fi
		echo "deb-src ${with:+$with }$uri $release $component"
	done | sort -u >"$work/apt/sources.list"
	[ -s "$work/apt/sources.list" ]
}

from_unstable() {
	say "asking Debian unstable for the pinned $VERSION"
	source_list unstable || return 1
	# How old the index is does not matter: the file that is used is known by its hash.
	private_apt apt-get -o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false \
		update >"$work/apt/log" 2>&1 || {
		grep '^E:' "$work/apt/log" >&2
		return 1
	}
	# The suite moves: only a package version that lists the pinned file will do.
	version=$(private_apt apt-cache showsrc wolfssl 2>/dev/null |
		awk -v hash="$SHA256" '/^Version:/ { v = $2 } index($0, hash) { print v; exit }')
	[ -n "$version" ] || {
		say "unstable no longer carries the pinned release"
		return 1
	}
	(cd "$work/apt" && private_apt apt-get source --download-only --tar-only \
		"wolfssl=$version") >>"$work/apt/log" 2>&1 || grep '^E:' "$work/apt/log" >&2
	for file in "$work"/apt/*.tar.*; do
		[ -f "$file" ] && keep_tarball "$file" && return 0
	done
	return 1
}

# Prints the version of the distribution's source package that would be used, offline.
distro_version() {
	command -v apt-cache >/dev/null || return 1
	found=$(apt-cache policy libwolfssl-dev 2>/dev/null | awk '/Candidate:/ { print $2 }')
	case $found in '' | '(none)') return 1 ;; esac
	echo "$found"
}

from_distro() {
	say "asking the distribution for its source package"
	source_list || return 1
	private_apt apt-get update >"$work/apt/log" 2>&1 || {
		grep '^E:' "$work/apt/log" >&2
		return 1
	}
	(cd "$work/apt" && private_apt apt-get source wolfssl) >>"$work/apt/log" 2>&1 || {
		tail -n 5 "$work/apt/log" >&2
		return 1
	}
	distro=
	for dsc in "$work"/apt/wolfssl_*.dsc; do
		distro=$(awk '/^Version:/ { print $2; exit }' "$dsc")
	done
	[ -n "$distro" ] || return 1
	rm -rf "$work/src"
	mv "$work"/apt/wolfssl-*/ "$work/src"
}

# ---- build ----

step() {
	say "$1"
	shift
	"$@" >>"$work/log" 2>&1 || {
		tail -n 30 "$work/log" >&2
		say "failed: $*"
		return 1
	}
}

# Those of our options that the configure script at hand knows; it takes --enable-x where its help
# says --disable-x and the other way round.
known_options() {
	./configure --help | sed -n 's/^ *--\(enable\|disable\|with\)-\([a-z0-9_-]*\).*/\2/p' >"$work/known"
	for option in $(options); do
		word=${option%%=*}
		word=${word#--}
		if grep -qx -e "${word#*-}" "$work/known"; then
			echo "$option"
		else
			echo "this version has no option $option" >>"$work/log"
		fi
	done
}

# A function that has used the wide halves of vector registers has to clean them up before it
# returns. 5.9.2 forgets that in a dozen, the table look-ups of elliptic curves among them; on many
# of Intel's processors SHA-256 then takes a hundred times as long, and a handshake a third longer.
clean_registers() {
	[ "$(uname -m)" = x86_64 ] || return 0
	for file in "$work"/src/wolfcrypt/src/*_asm.S; do
		[ -f "$file" ] || continue
		awk '
		/^[A-Za-z_][A-Za-z0-9_]*:/ && !/^L_/ { wide = 0 }
		/%[yz]mm[0-9]/ { wide = 1 }
		/vzeroupper|vzeroall/ { wide = 0 }
		wide && /^[ \t]*(repz[ \t]+)?retq?[ \t]*$/ { print "        vzeroupper"; n++ }
		{ print }
		END { print FILENAME ": " n + 0 " functions clean up now" >"/dev/stderr" }
		' "$file" >"$work/asm.S" || return 1
		cat "$work/asm.S" >"$file"
	done
}

build() {
	prefix=$1
	origin=$2
	out=$work/out
	(
		cd "$work/src" || exit 1
		# The scripts inside are upstream's; the git hooks they would install are not wanted.
		step "cleaning up after wide registers" clean_registers || exit 1
		step "preparing configure ($origin)" sh ./autogen.sh || exit 1
		# shellcheck disable=SC2046
		step "configuring" ./configure --prefix="$out" $(known_options) \
			CPPFLAGS= CFLAGS="$(compiler_flags)" EXTRA_CFLAGS= C_EXTRA_FLAGS="$(defines | tr '\n\t' '  ')" || exit 1
		step "compiling" make -j"$(nproc)" || exit 1
		step "installing" make install
	) || return 1
	case $(uname -m) in
	x86_64) grep -q 'define WOLFSSL_AESNI' "$out/include/wolfssl/options.h" ||
		die "the build has no assembly" ;;
	esac
	rm -rf "${out:?}/bin" "$out/share" "$out/lib/pkgconfig" "$out/lib/cmake" "$out"/lib/*.la
	{
		echo "origin: $origin"
		options
		defines
		compiler_flags
	} >"$out/lunel-build.txt"
	cp "$work/src/COPYING" "$out/" 2>/dev/null || :
	is_prefix "$out" || die "the build left no library"
	rm -rf "$prefix"
	mv "$out" "$prefix"
	say "installed $prefix"
}

done_with() {
	echo "$1"
	exit 0
}

use_system() {
	for lib in /usr/lib/*/libwolfssl.so /usr/lib64/libwolfssl.so /usr/lib/libwolfssl.so; do
		[ -f "$lib" ] || continue
		[ -f /usr/include/wolfssl/options.h ] || break
		say "WARNING: the system's wolfSSL has no assembly: it seals packets about 25 times slower"
		done_with /usr
	done
	die "the system has no wolfSSL development files (libwolfssl-dev)"
}

build_pinned() {
	unpack "$cache/wolfssl-$VERSION.tar.gz"
	build "$(prefix_of $VERSION)" "release $VERSION" || die "the pinned release does not build"
	done_with "$(prefix_of $VERSION)"
}

# The version that a source tree says it is.
tree_version() {
	sed -n 's/^AC_INIT(\[wolfssl\],\[\([^]]*\)\].*/\1/p' "$1/configure.ac" | head -n 1
}

use_path() {
	if [ -d "$1" ]; then
		if is_prefix "$1"; then
			done_with "$(cd "$1" && pwd)"
		fi
		[ -f "$1/configure.ac" ] || die "$1 is neither a wolfSSL source tree nor a built prefix"
		mark=$(cd "$1" && find . -type f ! -path './.git/*' -exec sha256sum {} + | sort | sha256sum | cut -c 1-12)
		cp -a "$1" "$work/src"
	elif [ -f "$1" ]; then
		mark=$(sha256 "$1")
		if [ "$mark" = "$SHA256" ]; then
			if is_prefix "$(prefix_of $VERSION)"; then
				done_with "$(prefix_of $VERSION)"
			fi
			keep_tarball "$1"
			build_pinned
		fi
		mark=$(echo "$mark" | cut -c 1-12)
		unpack "$1"
	else
		die "LUNEL_WOLFSSL: no such file or directory: $1"
	fi
	prefix=$(prefix_of "$(tree_version "$work/src")-$mark")
	is_prefix "$prefix" || build "$prefix" "$1" || die "$1 does not build"
	done_with "$prefix"
}

use_distro() {
	found=$(distro_version) || found=
	if [ -n "$found" ] && is_prefix "$(prefix_of "$found")"; then
		done_with "$(prefix_of "$found")"
	fi
	from_distro || return 1
	prefix=$(prefix_of "$distro")
	is_prefix "$prefix" || build "$prefix" "distribution $distro" ||
		die "the distribution's source does not build"
	done_with "$prefix"
}

mkdir -p "$cache"
key=$(key)

[ "$want" != system ] || use_system
case $want in
auto | upstream) ! is_prefix "$(prefix_of $VERSION)" || done_with "$(prefix_of $VERSION)" ;;
esac

# One build at a time: a second run waits here, then finds the first one's result.
exec 9>"$cache/lock"
flock -n 9 || {
	say "another build is running; waiting for it"
	flock 9
}
work=$(mktemp -d "$cache/work.XXXXXX")

case $want in
auto | upstream)
	! is_prefix "$(prefix_of $VERSION)" || done_with "$(prefix_of $VERSION)"
	if from_cache; then
		build_pinned
	fi
	# Once in a day is enough to find all roads closed.
	if [ "$want" = upstream ] || [ -z "$(find "$cache/no-road" -mmin -1440 2>/dev/null)" ]; then
		if from_upstream || from_unstable; then
			build_pinned
		fi
		touch "$cache/no-road"
	fi
	[ "$want" = auto ] || die "no road to the pinned release $VERSION is open"
	say "no road to the pinned release $VERSION is open; using the distribution's source"
	use_distro || die "no wolfSSL source found; give one by LUNEL_WOLFSSL=/path/to/tarball"
	;;
distro)
	use_distro || die "the distribution's source package could not be fetched"
	;;
*)
	use_path "$want"
	;;
esac
