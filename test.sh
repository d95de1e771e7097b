#!/usr/bin/env bash
# Runs every check and every test, on SQLite and on PostgreSQL.
#
#   ./test.sh                        everything: formatting, vet, modules, linters, tests
#   ./test.sh -short                 everything, with the slow tests left out
#   ./test.sh ./accounts/...         only the tests of these packages, no linters
#   ./test.sh -run=TestX ./accounts  flags go to "go test"; write values with "="
#
# What is missing is installed on Debian and its relatives, as root or with a
# passwordless sudo; elsewhere the script says what to install and goes on
# without. With CI=true a missing thing is a failure.
#
# SETTINGS_TEST_POSTGRES is the DSN of a superuser of a PostgreSQL server that the
# tests may fill with databases. Without it the script starts a server of its own
# from the installed programs, for this run alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case " $* " in *" -h "* | *" --help "*)
	sed -n '2,/^set /{/^set /d; s/^# \{0,1\}//; p;}' test.sh
	exit 0
	;;
esac

ci=${CI:-false}
failed=()    # the checks that failed, for the report before the summary
pg_dir=      # the folder of the server that this run started
pg_bin=      # where PostgreSQL's programs are
fetching=    # the process that fetches modules while programs are installed
scratch=$(mktemp -d "${TMPDIR:-/tmp}/settings-test.XXXXXX")

cleanup() {
	local status=$?
	trap - EXIT
	if [ -n "$fetching" ]; then kill "$fetching" 2>/dev/null || true; fi
	if [ -n "$pg_dir" ]; then
		as_postgres "$pg_bin/pg_ctl" -D "$pg_dir/data" -m immediate -s stop >/dev/null 2>&1 || true
		rm -rf "$pg_dir"
	fi
	rm -rf "$scratch"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "$*"; }

# ---- what the machine needs ------------------------------------------------------

have() { command -v "$1" >/dev/null 2>&1; }

# A compiler alone is not enough for -race: the C library's headers count too.
have_gcc() { echo '#include <stdlib.h>' | "${CC:-gcc}" -E - >/dev/null 2>&1; }

have_postgres() { [ -n "${SETTINGS_TEST_POSTGRES:-}" ] || find_postgres; }

# Debian keeps the server's programs out of PATH, one folder for each version.
find_postgres() {
	local dir
	for dir in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) \
		"$(dirname "$(command -v initdb 2>/dev/null || echo /nowhere/initdb)")"; do
		if [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] && [ -x "$dir/postgres" ]; then
			pg_bin=$dir
			return 0
		fi
	done
	return 1
}

have_chromium() {
	local name
	for name in chromium chromium-browser google-chrome google-chrome-stable; do
		if have "$name"; then return 0; fi
	done
	return 1
}

have_fonts() {
	[ -n "$(find /usr/share/fonts /usr/local/share/fonts -name '*.[to]tf' -print -quit 2>/dev/null)" ] || [ "$(uname)" = Darwin ]
}

have_certificates() { [ -e /etc/ssl/certs/ca-certificates.crt ] || [ ! -e /etc/debian_version ]; }

# test | Debian packages | what for
requirements='
have git|git|git: one test clones the repository
have curl|curl|curl: a client that is not ours, for the HTTP tests
have oathtool|oathtool|oathtool: an authenticator app that is not ours
have zbarimg|zbar-tools|zbarimg: a reader of QR codes that is not ours
have_certificates|ca-certificates|certificates: modules are fetched over HTTPS
have_gcc|gcc libc6-dev|gcc: for the race detector
have_postgres|postgresql|PostgreSQL server: the tests run on SQLite and on PostgreSQL
have_chromium|chromium|Chromium: the pages are tested in a real browser
have_fonts|fonts-dejavu-core|fonts: for what the browser draws
'

# missing prints the lines of the requirements that are not met.
missing() {
	local test packages why
	while IFS='|' read -r test packages why; do
		if [ -n "$test" ] && ! $test; then say "$test|$packages|$why"; fi
	done <<<"$requirements"
}

sudo=()
may_install() {
	have apt-get || return 1
	[ "$(id -u)" != 0 ] || return 0
	have sudo && sudo -n true 2>/dev/null || return 1
	sudo=(sudo -n)
}

apt() {
	${sudo[@]+"${sudo[@]}"} env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" \
		>>"$scratch/apt.log" 2>&1 </dev/null
}

install() {
	local lines=$1 test packages why all=()
	while IFS='|' read -r test packages why; do
		say "installing ${why%%:*} ($packages)"
		# shellcheck disable=SC2206 # several packages in one line
		all+=($packages)
	done <<<"$lines"
	case " ${all[*]} " in *" postgresql "*)
		# The programs alone are wanted, not a server that starts with the machine.
		if [ ! -e /etc/postgresql-common ]; then
			${sudo[@]+"${sudo[@]}"} mkdir -p /etc/postgresql-common/createcluster.d
			echo 'create_main_cluster = false' |
				${sudo[@]+"${sudo[@]}"} tee /etc/postgresql-common/createcluster.d/no-main.conf >/dev/null
		fi
		;;
	esac
	if ! { apt update && apt install --no-install-recommends "${all[@]}"; }; then
		say "apt-get failed:"
		tail -n 20 "$scratch/apt.log"
	fi
}

find_go() {
	if ! have go && [ -x /usr/local/go/bin/go ]; then PATH=$PATH:/usr/local/go/bin; fi
	if ! have go; then
		say "Go is missing: https://go.dev/doc/install"
		exit 1
	fi
	# In a checkout of another user git refuses to answer, and go build with it.
	export GOFLAGS="${GOFLAGS:+$GOFLAGS }-buildvcs=false"
}

prepare() {
	local lines test packages why
	lines=$(missing)
	if [ -n "$lines" ] && may_install; then
		install "$lines"
		lines=$(missing)
	fi
	if [ -n "$lines" ]; then
		while IFS='|' read -r test packages why; do
			say "MISSING $why (Debian: apt-get install $packages)"
		done <<<"$lines"
		if [ "$ci" = true ]; then failed+=("requirements"); fi
	fi
}

# ---- PostgreSQL -------------------------------------------------------------------

# PostgreSQL refuses to run as root, so then another user owns the server.
as_postgres() {
	if [ "$(id -u)" != 0 ]; then
		"$@"
	elif have runuser; then
		runuser -u "$(pg_user)" -- "$@"
	else
		su -s /bin/sh "$(pg_user)" -c 'exec "$0" "$@"' -- "$@"
	fi
}

pg_user() { if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi; }

# start_postgres starts a server for this run: on a unix socket alone, in a folder
# whose name is short enough for one, and with no care for power loss.
start_postgres() {
	if [ -n "${SETTINGS_TEST_POSTGRES:-}" ] || ! find_postgres; then return 0; fi
	pg_dir=$(mktemp -d /tmp/settings-pg.XXXXXX)
	if [ "$(id -u)" = 0 ]; then chown "$(pg_user)" "$pg_dir"; fi
	# pg_ctl hands these to a shell: one line.
	local options="-c listen_addresses='' -c unix_socket_directories='$pg_dir' -c max_connections=300"
	options+=" -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off"
	if ! (
		cd "$pg_dir" # one that the other user may enter
		as_postgres "$pg_bin/initdb" -D "$pg_dir/data" -U postgres -A trust -E UTF8 --no-locale --no-sync &&
			as_postgres "$pg_bin/pg_ctl" -D "$pg_dir/data" -l "$pg_dir/log" -w -t 60 -s -o "$options" start &&
			as_postgres "$pg_bin/psql" -X -q -h "$pg_dir" -U postgres -c 'SELECT 1' >/dev/null
	) >"$scratch/postgres.log" 2>&1 </dev/null; then
		say "PostgreSQL did not start:"
		tail -n 20 "$scratch/postgres.log" "$pg_dir/log" 2>/dev/null || true
		failed+=("PostgreSQL")
		return 0
	fi
	export SETTINGS_TEST_POSTGRES="postgres://postgres@/postgres?host=$pg_dir&sslmode=disable"
	say "$("$pg_bin/postgres" --version) runs for these tests"
}

# ---- checks and tests -------------------------------------------------------------

# check runs a command under a heading and remembers whether it failed.
check() {
	local name=$1 start=$SECONDS
	shift
	say "== $name"
	if "$@" </dev/null; then
		say "   ok, $((SECONDS - start)) s"
	else
		say "   FAILED: $name"
		failed+=("$name")
	fi
}

check_format() {
	local files
	files=$(gofmt -l .) || return 1
	if [ -n "$files" ]; then
		say "not formatted, run gofmt -w on:" "$files"
		return 1
	fi
}

# tool prints where a program of tools/go.mod is, and builds it if it has to:
# without cgo, so that the C compiler's arrival does not make it build again.
tool() { CGO_ENABLED=0 go tool -modfile=tools/go.mod -n "$1"; }

# fetch gets modules and builds the linter, which takes minutes the first time.
fetch() { go mod download && { tool golangci-lint && tool gotestsum; } >/dev/null; }

# The first attempt ran beside the installation, and may have lacked what that brings.
fetched() {
	local pid=$fetching
	fetching=
	wait "$pid" || fetch
}

lint() {
	local linter
	linter=$(tool golangci-lint) && "$linter" run
}

check_everything() {
	check "modules and tools" fetched
	check "gofmt" check_format
	check "go vet" go vet ./...
	check "go mod tidy" go mod tidy -diff
	check "golangci-lint" lint
}

# report_before_summary passes the runner's output through and puts the failed
# checks right before its last line, where nobody overlooks them.
report_before_summary() {
	awk -v report="${failed[*]:-}" '
		/^DONE / && report != "" { print "Checks that FAILED: " report; print ""; report = "" }
		{ print; fflush() }
		END { if (report != "") print "Checks that FAILED: " report }'
}

run_tests() {
	# The race detector watches every package but SQLite's engine, which is C written
	# as Go: it shares no memory with Go and is entered under locks of the driver and of
	# database/sql, which are watched. With it, each statement takes five times longer.
	local c='=-race=false -d=checkptr=0' name runner
	local race=(-race "-gcflags=modernc.org/sqlite/lib$c" "-gcflags=modernc.org/libc/...$c")
	if have_gcc; then
		export CGO_ENABLED=1
	else
		say "no C compiler: without the race detector"
		race=()
		export CGO_ENABLED=0
	fi
	say "== go test"
	for name in $(missing | cut -d'|' -f1 | sed 's/^have_//; s/^have //'); do
		say "   without $name"
	done
	if ! runner=$(tool gotestsum); then
		say "the test runner could not be built"
		return 1
	fi
	"$runner" --format=pkgname --format-hide-empty-pkg -- \
		${race[@]+"${race[@]}"} -shuffle=on -timeout=18m "$@" </dev/null 2>&1 | report_before_summary
}

flags=() packages=()
for arg in "$@"; do
	case $arg in
	-*) flags+=("$arg") ;;
	*) packages+=("$arg") ;;
	esac
done

find_go
if [ ${#packages[@]} = 0 ]; then
	fetch >"$scratch/fetch.log" 2>&1 </dev/null &
	fetching=$!
	prepare
	check_everything
	packages=(./...)
else
	prepare
fi
start_postgres
status=0
run_tests ${flags[@]+"${flags[@]}"} "${packages[@]}" || status=$?
if [ ${#failed[@]} -gt 0 ] && [ "$status" = 0 ]; then status=1; fi
exit "$status"
