# shellcheck shell=bash
# What windows-deps.sh, musl-deps.sh and arm64-sysroot.sh share: each makes a directory once, out of
# Debian's packages, and says where it lies. To be sourced there.
source "$(dirname "${BASH_SOURCE[0]}")/apt-lists.sh"

# fd2_cache_begin NAME SCRIPT OPTION PACKAGE...: the directory is
# ${XDG_CACHE_HOME:-~/.cache}/fd2/NAME/KEY, the key made of the packages' versions, of SCRIPT and of
# this file. If it is there, says so and ends the script; fails if it is not and OPTION is --where.
# Otherwise returns with
#
#     versions  a line for each package: name, version, source package, its version
#     cache     the directory above
#     work      a directory that is removed at the end
#     prefix    what is to be filled, in there; fd2_cache_end puts it in its place
#
# and with output that goes to stderr, since the answer alone is for stdout.
fd2_cache_begin() {
    local name=$1 script=$2 option=$3 key
    shift 3
    # shellcheck disable=SC2016 # dpkg-query's own variables
    versions=$(dpkg-query -W -f '${Package} ${Version} ${source:Package} ${source:Version}\n' "$@")
    key=$({ echo "$versions"; cat "$script" "${BASH_SOURCE[0]}"; } | sha256sum | cut -c1-16)
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/fd2/$name
    _fd2_target=$cache/$key
    _fd2_answer_if_there
    if [ "$option" = --where ]; then
        echo "$_fd2_target is not there: run scripts/lib/$(basename "$script")" >&2
        exit 1
    fi
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9 # another one that makes the same
    _fd2_answer_if_there
    work=$(mktemp -d "$cache/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    exec 3>&1 >&2
    prefix=$work/out
    mkdir -p "$work"/{source,build} "$prefix"
}

_fd2_answer_if_there() {
    if [ -f "$_fd2_target/complete" ]; then
        echo "$_fd2_target"
        exit 0
    fi
}

# fd2_cache_end: `prefix` is complete. It is moved, so no file in it may have its path.
fd2_cache_end() {
    echo "$versions" >"$prefix/complete"
    rm -rf "$_fd2_target"
    mv "$prefix" "$_fd2_target"
    echo "$_fd2_target" >&3
}

# fd2_sources PACKAGE...: downloads the sources of these packages, in the versions that are installed,
# to $work/source. apt checks them against the archive's signature.
fd2_sources() {
    local package wanted=()
    for package; do wanted+=("$(awk -v name="$package" '$1 == name { print $3 "=" $4 }' <<<"$versions")"); done
    fd2_apt_lists "$work/apt" deb-src
    (cd "$work/source" && "${fd2_apt[@]}" source --download-only "${wanted[@]}" >>"$work/apt/log")
}

# fd2_unpack SOURCE...: to $work/source/SOURCE, what fd2_sources has downloaded.
fd2_unpack() {
    local source
    for source; do
        dpkg-source --no-check -x "$work/source/$source"_*.dsc "$work/source/$source" >/dev/null
    done
}

# fd2_logged FUNCTION: its output goes to a file, the end of which is shown if it fails. The function
# runs in a shell of its own, which ends at the first failure.
fd2_logged() {
    local log=$work/$1.log status=0
    set +e
    (set -e; "$1") >"$log" 2>&1
    status=$?
    set -e
    if [ $status -ne 0 ]; then
        tail -40 "$log" | cut -c 1-400
        return 1
    fi
}

# fd2_build_boost USING ARGUMENT...: Boost.Log and what it uses, static, to $prefix/lib; USING is a line
# for b2's configuration. Of Boost.Log what fd2 uses: no parser of settings, which would need
# Boost.Regex, and no sinks but streams.
fd2_build_boost() {
    local using=$1 library archive targets=() tree=$work/source/boost
    shift
    echo "Building Boost.Log and what it uses: takes some minutes"
    mkdir "$tree"
    # Without the documents and tests, which are most of it.
    tar -xf "$work/source"/boost1.*.orig.tar.* -C "$tree" --strip-components=1 \
        --exclude='*/doc' --exclude='*/test' --exclude='*/example' --exclude='*.html'
    echo "$using" >"$work/user-config.jam"
    for library in log thread filesystem chrono atomic; do
        targets+=("libs/$library/build//boost_$library")
    done
    (cd "$tree" && b2 -j "$(nproc)" --user-config="$work/user-config.jam" --build-dir="$work/build/boost" \
        --layout=system variant=release link=static threading=multi runtime-link=static \
        define=BOOST_LOG_WITHOUT_SYSLOG define=BOOST_LOG_WITHOUT_IPC \
        define=BOOST_LOG_WITHOUT_SETTINGS_PARSERS define=BOOST_LOG_WITHOUT_DEFAULT_FACTORIES \
        "$@" "${targets[@]}" 2>&1) >"$work/boost.log" || true # what is missing is found below
    mkdir -p "$prefix/lib"
    for library in log thread filesystem chrono atomic; do
        archive=$(find "$work/build/boost" -name "libboost_$library.a" | head -1)
        if [ -z "$archive" ]; then
            tail -60 "$work/boost.log"
            return 1
        fi
        cp "$archive" "$prefix/lib/"
    done
}
