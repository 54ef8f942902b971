# shellcheck shell=bash
# shellcheck disable=SC2154 # root is the caller's
# The parts of scripts/test-ports that build. To be sourced there.

# fresh_if_without PRESET WORDS: a tree that was made with other libraries is made anew.
fresh_if_without() {
    local cache="$root/build/$1/CMakeCache.txt"
    if [ -f "$cache" ] && ! grep -qF "$2" "$cache"; then rm -rf "${root:?}/build/$1"; fi
    fd2_fresh_if_moved "$1"
}

# ---- musl: a static command in a root of its own --------------------------------------------------

is_static() {
    local file=$root/build/linux-musl/bin/fd2
    if readelf -lW "$file" | grep -qE 'INTERP|DYNAMIC'; then
        echo "$file is not static"
        return 1
    fi
}

musl() {
    fd2_need_packages build musl || return 1
    FD2_MUSL_DEPS=$("$root/scripts/lib/musl-deps.sh") || return 1
    export FD2_MUSL_DEPS
    fd2_prepare_build_directory
    fresh_if_without linux-musl "$FD2_MUSL_DEPS"
    row "the command builds, with its backends linked in" fd2_build linux-musl --target fd2
    row "it needs no library and no run-time linker" is_static
    row "it carries an rsync in a root with nothing else of ours" \
        python3 "$root/scripts/lib/musl_root.py" "$root/build/linux-musl/bin/fd2"
}

# ---- arm64: cross-built, under an emulator --------------------------------------------------------

# The suites that start no child: qemu-user refuses a clone without an exit signal, by which fd2 starts
# its children, and so `fd2 run` as well.
arm64_suites=(abi base capture forward linked_plugins plugins)

arm64_suite() {
    local left_out=()
    mapfile -t left_out < <(sed -n "s/^$1: /~/p" "$root/tests/ports/not-emulated.txt")
    timeout 900 qemu-aarch64-static -L "$FD2_ARM64_SYSROOT" \
        "$(find "$root/build/linux-arm64/tests/unit" -name "test_$1" -type f)" "${left_out[@]}"
}

arm64_command() {
    qemu-aarch64-static -L "$FD2_ARM64_SYSROOT" "$root/build/linux-arm64/bin/fd2" config show
}

arm64() {
    local suite
    fd2_need_packages build arm64 || return 1
    FD2_ARM64_SYSROOT=$("$root/scripts/lib/arm64-sysroot.sh") || return 1
    export FD2_ARM64_SYSROOT
    fd2_prepare_build_directory
    fresh_if_without linux-arm64 "$FD2_ARM64_SYSROOT"
    row "the command, the backends and unit tests build" \
        fd2_build linux-arm64 --target fd2 fd2_backends "${arm64_suites[@]/#/test_}"
    row "the command starts, and shows its configuration" arm64_command
    for suite in "${arm64_suites[@]}"; do row "unit tests of $suite" arm64_suite "$suite"; done
}
