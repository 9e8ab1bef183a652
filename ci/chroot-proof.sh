#!/bin/bash
# Prove the README on a machine with nothing installed: make a minimal Debian in a chroot, clone the
# current HEAD into it and run the two commands of the README there, as root and with CI=true.
#
#   ci/chroot-proof.sh [--base DIR] [--setup-only] [--keep] [bookworm|trixie] [DIR]
#
#   bookworm|trixie   Debian 12 (default) or 13
#   DIR               where the chroot is made; must not exist yet (default: a new one in /var/tmp)
#   --base DIR        copy this debootstrap'ed minbase system instead of making one
#   --setup-only      stop after the packages are installed
#   --keep            leave the chroot for a look; the mounts are removed in any case
#
# The log is DIR.log. Needs root and debootstrap; DEBIAN_MIRROR names another mirror.
# Exit codes: 0 both commands succeeded, 2 wrong usage, otherwise that of the step that failed.
set -euo pipefail

root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
suite=bookworm
dir=
base=
keep=0
setup_only=0

say() { printf 'chroot-proof: %s\n' "$*"; }

die() {
    say "$@" >&2
    exit 2
}

arguments() {
    while [[ $# -gt 0 ]]; do
        case $1 in
        --base)
            base=${2:-}
            [[ -x $base/bin/sh ]] || die "--base needs the directory of a Debian system, not '$base'"
            shift
            ;;
        --setup-only) setup_only=1 ;;
        --keep) keep=1 ;;
        bookworm | trixie) suite=$1 ;;
        -*) die "unknown option $1 (the head of $0 lists them)" ;;
        *)
            [[ -z $dir ]] || die "one directory only, not '$dir' and '$1'"
            dir=$(readlink -f -- "$1") || die "no such place: $1"
            ;;
        esac
        shift
    done
    [[ $EUID == 0 ]] || die "making a chroot needs root: sudo $0"
    [[ -z $dir || ! -e $dir ]] || die "$dir exists already; name a directory that does not"
    [[ -n $base ]] || command -v debootstrap >/dev/null ||
        die "debootstrap is missing: apt-get install debootstrap"
    dir=${dir:-$(mktemp -u -d "/var/tmp/tyrne-$suite.XXXXXX")}
}

unmount_all() { # the deepest mount first; a lazy unmount where something still holds it
    local point
    while read -r point; do
        umount "$point" 2>/dev/null || umount --lazy "$point"
    done < <(awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r)
}

clean_up() {
    local code=$?
    trap '' INT TERM
    [[ $code == 0 ]] || say "$suite: FAILED with exit code $code; the log is $dir.log"
    unmount_all
    if [[ $keep == 1 ]]; then
        say "the chroot is left in $dir"
    else
        rm -rf --one-file-system -- "$dir"
    fi
    exit "$code"
}

make_base() {
    if [[ -n $base ]]; then
        say "copying $base"
        cp -a --reflink=auto -- "$base" "$dir"
    else
        say "debootstrap $suite from $mirror"
        debootstrap --variant=minbase "$suite" "$dir" "$mirror"
    fi
    grep -q "VERSION_CODENAME=$suite" "$dir/etc/os-release" || die "$base is not Debian $suite"
    printf 'deb %s %s main\n' "$mirror" "$suite" >"$dir/etc/apt/sources.list"
    cp --remove-destination /etc/resolv.conf "$dir/etc/resolv.conf"
    mount -t proc proc "$dir/proc"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$dir/dev/pts"
    mount -t tmpfs tmpfs "$dir/dev/shm"
}

inside() { # COMMAND: as on a fresh machine, nothing of this one's environment but a proxy
    env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 TERM=dumb CI=true ${http_proxy:+http_proxy="$http_proxy"} \
        chroot "$dir" /bin/bash -c "$1" </dev/null
}

step() { # COMMAND: say it, run it in the clone, say how long it took
    local start=$SECONDS
    say "\$ $1"
    inside "cd /srv/tyrne && $1"
    say "done after $((SECONDS - start)) s: $1"
}

prove() {
    make_base
    say "installing git, only to be able to clone"
    inside "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
        --no-install-recommends git ca-certificates"
    git -c safe.directory="$root" -C "$root" bundle create -q "$dir/srv/tyrne.bundle" HEAD
    inside "git clone -q /srv/tyrne.bundle /srv/tyrne"
    say "cloned $(git -c safe.directory="$root" -C "$root" log -1 --format='%h %s')"
    if [[ $setup_only == 1 ]]; then
        step "./tyrne setup --yes"
    else
        step "./tyrne rig --yes"
        step "./tyrne test"
    fi
    step ci/versions.sh
}

arguments "$@"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
exec > >(tee "$dir.log") 2>&1
prove
say "$suite: everything succeeded; the log is $dir.log"
