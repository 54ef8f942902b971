# shellcheck shell=bash
# shellcheck disable=SC2154 # root is the caller's
# What scripts/test, scripts/demo and .ci/run share. To be sourced, with `root` set to the checkout.

# fd2_build PRESET [ARGUMENT...]: configures and builds build/PRESET; with arguments for the build.
fd2_build() {
    echo "Configuring build/$1 (log: build/$1.configure.log)"
    cmake --preset "$1" -S "$root" >"$root/build/$1.configure.log" 2>&1 || {
        cat "$root/build/$1.configure.log" >&2
        return 1
    }
    echo "Building build/$1: takes a few minutes the first time"
    cmake --build "$root/build/$1" "${@:2}"
}

# Under sudo in somebody's checkout: what was built goes back to its owner, who may want to build
# again without sudo.
fd2_give_back() {
    local owner
    owner=$(stat -c %u:%g "$root")
    if [ "$(id -u)" -eq 0 ] && [ "${owner%%:*}" -ne 0 ] && [ -d "$root/build" ]; then
        chown -hR --from=0 "$owner" "$root/build"
    fi
}

# A configured tree remembers where it lay; one that was copied or mounted elsewhere is made anew.
fd2_fresh_if_moved() {
    local cache="$root/build/$1/CMakeCache.txt"
    if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
        rm -rf "${root:?}/build/$1"
    fi
}

fd2_prepare_build_directory() {
    mkdir -p "$root/build"
    trap fd2_give_back EXIT
}

# When the sources were last changed, in seconds since 1970: of the commit, or in an unpacked archive
# (which has the commit's time on all its files) of a file.
fd2_source_time() {
    if [ -e "$root/.git" ]; then
        git -c safe.directory="$root" -C "$root" log -1 --format=%ct
    else
        stat -c %Y "$root/CHANGELOG.md"
    fi
}
