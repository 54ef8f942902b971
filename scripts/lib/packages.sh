# shellcheck shell=bash
# The Debian packages that the scripts need, in one place, and how they get there.
# shellcheck disable=SC2034 # the groups are used by name
# To be sourced. Names are Debian 12's.

FD2_PACKAGES_build="
    cmake ninja-build g++
    libboost1.81-dev libboost-log1.81-dev libboost-filesystem1.81-dev libboost-thread1.81-dev
    libyaml-cpp-dev libmd-dev libcli11-dev nlohmann-json3-dev catch2 librapidcheck-dev"
FD2_PACKAGES_test="
    python3 python3-yaml python3-jsonschema
    bash ansible-core borgbackup git iproute2 openssh-client openssh-server openssh-tests
    mercurial rsync sshfs strace tmux util-linux
    groff man-db mandoc pkg-config python3-markdown
    ccache debootstrap dpkg-dev file gdb"
FD2_PACKAGES_long="golang-go golang-github-varlink-go-dev"
FD2_PACKAGES_demo="python3 openssh-client openssh-server rsync"
FD2_PACKAGES_package="dpkg-dev file lintian"
FD2_PACKAGES_root="debootstrap python3"
FD2_PACKAGES_ci="clang clang-format libclang-rt-14-dev git"
FD2_PACKAGES_windows="
    g++-mingw-w64-x86-64-posix wine64 libboost1.81-tools-dev dpkg-dev python3"
FD2_PACKAGES_docs="python3 python3-markdown mandoc"
# What scripts/test-ports needs: each part beside `build`.
FD2_PACKAGES_contract="
    g++-i686-linux-gnu g++-arm-linux-gnueabihf g++-powerpc-linux-gnu g++-s390x-linux-gnu
    g++-aarch64-linux-gnu"
FD2_PACKAGES_musl="gcc-12-source g++-12 musl-tools libboost1.81-tools-dev dpkg-dev make openssh-client
    openssh-server rsync"
FD2_PACKAGES_arm64="g++-aarch64-linux-gnu qemu-user-static dpkg-dev"
FD2_PACKAGES_bench="libuv1-dev libbenchmark-dev pkg-config python3 rsync"

# fd2_missing_packages GROUP...: the packages of these groups that are not installed.
fd2_missing_packages() {
    local group name words wanted=() installed
    for group; do
        name="FD2_PACKAGES_$group"
        read -r -d '' -a words <<<"${!name}" || true
        wanted+=("${words[@]}")
    done
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null) ||
        true # it complains about those that are not there
    for name in "${wanted[@]}"; do
        grep -qxF "installed $name" <<<"$installed" || echo "$name"
    done | sort -u
}

# fd2_need_packages GROUP...: installs what is missing; apt is not touched when nothing is.
fd2_need_packages() {
    if ! command -v dpkg-query >/dev/null; then
        echo "Not a Debian system: nothing is installed; the build dependencies must already be there."
        return 0
    fi
    local missing as_root=()
    mapfile -t missing < <(fd2_missing_packages "$@")
    if [ ${#missing[@]} -eq 0 ]; then return 0; fi
    echo "Missing packages: ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "Installing them needs root, and there is no sudo. As root, run:" >&2
            echo "    apt-get install ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo)
        [ -t 0 ] || as_root+=(-n) # no one can type a password
    fi
    _fd2_install
}

# _fd2_apt ARGUMENT...: apt-get, which waits while another package manager is at work (a fresh cloud
# machine upgrades itself for minutes). DPkg::Lock::Timeout would wait for dpkg's lock only, not for
# that of the lists or of the archives.
_fd2_apt() {
    local errors status said='' holder limit=${FD2_APT_LOCK_SECONDS:-900}
    local deadline=$((SECONDS + limit))
    errors=$(mktemp)
    while :; do
        status=0
        "${as_root[@]}" env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -q "$@" \
            </dev/null 2>"$errors" || status=$?
        if [ $status -eq 0 ] || [ $SECONDS -ge $deadline ] ||
            ! grep -qE 'Could not get lock|Unable to acquire the dpkg frontend lock' "$errors"; then
            break
        fi
        holder=$(sed -n 's/.*\(held by process [^.]*\).*/, \1/p' "$errors" | head -1)
        if [ -z "$said" ]; then
            echo "Another package manager is running$holder; waiting up to $((limit / 60)) minutes for it."
            said=yes
        fi
        sleep 2
    done
    cat "$errors" >&2
    rm -f "$errors"
    return $status
}

# A package that brings a service (openssh-server) would start it; nobody asked for that. Debian's
# way to say so is a policy-rc.d; it stands for the time of the installation only.
_fd2_install() {
    local policy=/usr/sbin/policy-rc.d ours=no status=0
    if [ ! -e $policy ]; then
        ours=yes
        "${as_root[@]}" sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy" || {
            echo "Could not become root to install: ${missing[*]}" >&2
            return 1
        }
    fi
    { _fd2_apt update && _fd2_apt install -y --no-install-recommends "${missing[@]}"; } || status=$?
    if [ $ours = yes ]; then "${as_root[@]}" rm -f $policy; fi
    if [ $status -ne 0 ]; then
        echo "apt-get could not install: ${missing[*]}" >&2
        return 1
    fi
    case " ${missing[*]} " in *" openssh-server "*)
        echo "openssh-server was installed, but its service was not started. To keep it from"
        echo "starting at the next boot: systemctl disable ssh" ;;
    esac
}
