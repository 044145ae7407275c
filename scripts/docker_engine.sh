#!/usr/bin/env bash
# The Docker engine of the tests: `scripts/docker_engine.sh` takes the one that answers, or starts dockerd where none
# does (as root or with a sudo that asks no password; no init system is needed), sees to it that the image of the tests
# is there, and prints the image's name. The image is made from Debian's packages, since no registry need be in reach;
# the engine keeps it. `scripts/docker_engine.sh stop` ends the engine that this script started.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"

cache=$PWD/.cache/docker
suite=bookworm
packages=python3,python3-venv,python3-pip
image=autogen_like-test:$suite-$(sha256sum <<<"$packages" | cut -c1-12)

say() { echo "docker engine: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

start() {
    answers && return
    [ -z "${DOCKER_HOST:-}" ] || fail "none answers at DOCKER_HOST=$DOCKER_HOST"
    command -v dockerd >/dev/null || fail "there is none; to install one: sudo apt-get install docker.io"
    as_root true || fail "none answers, and only root may start one"
    say "starting dockerd, log in $cache/dockerd.log"
    # In a session of its own, and with nothing of ours open: it outlives this script and holds nobody's pipe.
    as_root setsid --fork dockerd --group "$(id -gn)" --pidfile "$cache/dockerd.pid" \
        <&- >"$cache/dockerd.log" 2>&1 9>&-
    for _ in $(seq 120); do
        answers && return
        sleep 0.5
    done
    tail -n 20 "$cache/dockerd.log" >&2
    fail "dockerd was started, but does not answer"
}

build() {
    docker image inspect "$image" >/dev/null 2>&1 && return
    command -v debootstrap >/dev/null || fail "the image needs debootstrap: sudo apt-get install debootstrap"
    root=$(mktemp -d)
    trap 'as_root rm -rf "$root"' EXIT
    say "making the image $image; this takes about a minute, once"
    as_root debootstrap --variant=minbase --include="$packages" "$suite" "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} \
        >"$cache/debootstrap.log" ||
        { tail -n 20 "$cache/debootstrap.log" >&2 && fail "debootstrap failed, see above"; }
    as_root tar -C "$root" --exclude=./var/cache/apt/* --exclude=./var/lib/apt/lists/* -c . |
        docker import --change 'CMD ["python3"]' - "$image" >/dev/null
}

stop() {
    pid=$(cat "$cache/dockerd.pid" 2>/dev/null) || return 0
    as_root kill "$pid" 2>/dev/null || return 0
    while as_root kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # tests in several processes ask at once; the first does the work
case "${1:-}" in
stop) stop ;;
'')
    start
    build
    echo "$image"
    ;;
*) fail "it takes no argument, or 'stop'" ;;
esac
