# Installs what a command of this folder needs, on Debian or Ubuntu. Sourced, not run.

go_version=1.26.8

say() { printf '%s\n' "$*" >&2; }

# install PACKAGE...: only those that are missing.
install() {
	missing=
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	say "Installing:$missing"
	root=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || { say "Not root and no sudo: install these packages yourself:$missing"; exit 1; }
		root=sudo
	fi
	$root apt-get update -qq
	# shellcheck disable=SC2086
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# go_is_recent: from 1.21 on, go fetches by itself the version that go.mod asks for.
go_is_recent() {
	command -v go >/dev/null || return 1
	minor=$(cd / && GOTOOLCHAIN=local go env GOVERSION | sed -nE 's/^go1\.([0-9]+).*/\1/p')
	[ "${minor:-0}" -ge 21 ]
}

need_go() {
	export GOTOOLCHAIN="${GOTOOLCHAIN:-auto}"
	PATH=$PATH:/usr/local/go/bin
	go_is_recent && return
	install ca-certificates golang-go
	go_is_recent && return
	# The release has an older one, which can fetch a newer one as it fetches any module, checksum
	# included; the files only lack the permission to be run.
	toolchain=golang.org/toolchain@v0.0.1-go$go_version.linux-$(dpkg --print-architecture)
	GOROOT=$(cd / && go mod download "$toolchain" && go env GOMODCACHE)/$toolchain # "/": it cannot read our go.mod
	find "$GOROOT/bin" "$GOROOT/pkg/tool" -type f ! -perm -u+x -exec chmod +x {} +
	export GOROOT GOTOOLCHAIN=local
	PATH=$GOROOT/bin:$PATH
	hash -r
	go_is_recent || { say "Go 1.26 is needed: see https://go.dev/doc/install"; exit 1; }
}
