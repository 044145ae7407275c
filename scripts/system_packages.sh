#!/usr/bin/env bash
# Installs the programs that tests need (system_packages.txt) where it may: Debian or Ubuntu, as root or with a sudo
# that asks no password. Where it may not, it names the tests that will be skipped and the command that enables them.
# With CI=true a missing program is a failure.
set -euo pipefail
cd "$(dirname "$0")"

list_missing() {
    while read -r marker program package purpose; do
        case "$marker" in '' | '#'*) continue ;; esac
        # Debian keeps servers in /usr/sbin, which is not on every user's path.
        PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || printf '%s\t%s\t%s\n' "$marker" "$package" "$purpose"
    done <system_packages.txt
}

missing=$(list_missing)
[ -n "$missing" ] || exit 0
packages=$(cut -f2 <<<"$missing" | sort -u | tr '\n' ' ')

as_root=none
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
fi

if [ "$as_root" != none ] && command -v apt-get >/dev/null; then
    echo "system packages: installing $packages"
    export DEBIAN_FRONTEND=noninteractive
    # A service that cannot start in a container is no reason to fail: tests start their own servers.
    # shellcheck disable=SC2086  # words are meant to split
    { $as_root apt-get update -qq && RUNLEVEL=1 $as_root apt-get install -y -qq --no-install-recommends $packages; } >/dev/null ||
        echo "system packages: apt-get failed, see above" >&2
    missing=$(list_missing)
fi

[ -n "$missing" ] || exit 0
while IFS=$'\t' read -r marker package purpose; do
    echo "system packages: tests marked $marker ($purpose) will be skipped; to enable them: sudo apt-get install $package" >&2
done <<<"$missing"
if [ "${CI:-}" = true ]; then
    echo "system packages: missing parts are a failure in CI" >&2
    exit 1
fi
