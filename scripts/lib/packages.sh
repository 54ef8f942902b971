# shellcheck shell=bash
# The Debian packages that the scripts need, in one place, and how they get there.
# shellcheck disable=SC2034 # the groups are used by name
# To be sourced. Names are Debian 12's.

FD2_PACKAGES_build="
    cmake ninja-build g++
    libboost1.81-dev libboost-log1.81-dev libboost-filesystem1.81-dev libboost-thread1.81-dev
    libyaml-cpp-dev libcli11-dev nlohmann-json3-dev"
FD2_PACKAGES_test="
    catch2 python3 python3-yaml python3-jsonschema
    bash ansible-core borgbackup git iproute2 openssh-client openssh-server rsync tmux util-linux
    groff man-db mandoc pkg-config python3-markdown
    debootstrap dpkg-dev file"
FD2_PACKAGES_demo="python3 openssh-client openssh-server rsync"
FD2_PACKAGES_package="dpkg-dev file lintian"
FD2_PACKAGES_root="debootstrap python3"
FD2_PACKAGES_ci="clang clang-format libclang-rt-14-dev ccache git"
FD2_PACKAGES_docs="python3 python3-markdown mandoc"
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
        echo "This is no Debian: nothing is installed, what the build needs is taken to be there."
        return 0
    fi
    local missing as_root=()
    mapfile -t missing < <(fd2_missing_packages "$@")
    if [ ${#missing[@]} -eq 0 ]; then return 0; fi
    echo "Missing packages: ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "To install them one must be root, and there is no sudo. As root, run:" >&2
            echo "    apt-get install ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo)
        [ -t 0 ] || as_root+=(-n) # nobody there to type a password
    fi
    _fd2_install
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
    { "${as_root[@]}" apt-get update -q &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends "${missing[@]}"; } </dev/null || status=$?
    if [ $ours = yes ]; then "${as_root[@]}" rm -f $policy; fi
    if [ $status -ne 0 ]; then
        echo "apt-get could not install: ${missing[*]}" >&2
        return 1
    fi
    case " ${missing[*]} " in *" openssh-server "*)
        echo "openssh-server is new here. Its service was not started; if you do not want it after"
        echo "the next boot either: systemctl disable ssh" ;;
    esac
}
