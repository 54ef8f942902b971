#!/usr/bin/env bash
# Builds what fd2 needs on Windows and Debian has for Linux only: Boost.Log and what it uses, and
# yaml-cpp, static, from Debian's source packages; the headers of the others beside them.
#
#     scripts/lib/windows-deps.sh            builds what is missing, and says where it lies
#     scripts/lib/windows-deps.sh --where    says where it lies, and fails if it is not there
#
# It lies in ${XDG_CACHE_HOME:-~/.cache}/fd2/windows/<key>; the key is made of the packages' versions and
# of this file. It takes some five minutes and is laid there whole or not at all.
set -euo pipefail

boost=boost1.81
# Those that windows-deps.sh is run with (scripts/lib/packages.sh, groups `build` and `windows`).
packages=(libboost1.81-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev catch2
    g++-mingw-w64-x86-64-posix mingw-w64-x86-64-dev)

self=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)/$(basename "${BASH_SOURCE[0]}")
# shellcheck disable=SC2016 # dpkg-query's own variables
versions=$(dpkg-query -W -f '${Package} ${Version} ${source:Package} ${source:Version}\n' "${packages[@]}")
key=$({ echo "$versions"; cat "$self"; } | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fd2/windows
target=$cache/$key

if [ -f "$target/complete" ]; then
    echo "$target"
    exit 0
fi
if [ "${1:-}" = --where ]; then
    echo "$target is not there: run scripts/lib/windows-deps.sh" >&2
    exit 1
fi

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # another one that builds the same
if [ -f "$target/complete" ]; then
    echo "$target"
    exit 0
fi
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
exec 3>&1 >&2 # what is printed on the way is not the answer

# source_version PACKAGE: the source version of an installed package.
source_version() { awk -v name="$1" '$1 == name { print $4 }' <<<"$versions"; }

# Debian's sources, without touching the system's list of sources: a list of our own, of the same
# archives.
mkdir -p "$work"/{apt/sources,apt/lists/partial,apt/cache/archives/partial,source,build,out/lib/cmake,out/include}
signed=
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -f $keyring ]; then signed="[signed-by=$keyring]"; fi
# shellcheck disable=SC2016 # apt's own variables
apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' | sort -u |
    while read -r origin uri release; do
        if [ "$origin" = Debian ]; then echo "deb-src $signed $uri $release main"; fi
    done >"$work/apt/sources/debian.list"
if ! [ -s "$work/apt/sources/debian.list" ]; then
    echo "apt knows no archive of Debian: run apt-get update first" >&2
    exit 1
fi
own_lists=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt/sources"
    -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache" -o APT::Sandbox::User=root
    -o "APT::Update::Post-Invoke-Success::=" -o "APT::Update::Post-Invoke::=")
echo "Downloading the sources of $boost and yaml-cpp (75 MB)"
apt-get "${own_lists[@]}" update >"$work/apt/log"
(cd "$work/source" && apt-get "${own_lists[@]}" source --download-only \
    "$boost=$(source_version libboost1.81-dev)" \
    "yaml-cpp=$(source_version libyaml-cpp-dev)" >>"$work/apt/log")

prefix=$work/out
jobs=$(nproc)
compilers=(-DCMAKE_SYSTEM_NAME=Windows
    -DCMAKE_C_COMPILER=x86_64-w64-mingw32-gcc-posix -DCMAKE_CXX_COMPILER=x86_64-w64-mingw32-g++-posix
    -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY
    -DCMAKE_BUILD_TYPE=Release "-DCMAKE_INSTALL_PREFIX=$prefix" -DBUILD_SHARED_LIBS=OFF)

echo "Building yaml-cpp"
# apt has checked it against the archive's own signature.
dpkg-source --no-check -x "$work/source"/yaml-cpp_*.dsc "$work/source/yaml-cpp" >/dev/null
# -w: its warnings are nothing to us.
if ! { cmake -G Ninja -S "$work/source/yaml-cpp" -B "$work/build/yaml-cpp" "${compilers[@]}" \
    -DCMAKE_CXX_FLAGS=-w -DYAML_CPP_BUILD_TESTS=OFF -DYAML_CPP_BUILD_TOOLS=OFF -DYAML_BUILD_SHARED_LIBS=OFF &&
    cmake --build "$work/build/yaml-cpp" -j "$jobs" --target install; } >"$work/yaml-cpp.log" 2>&1; then
    tail -40 "$work/yaml-cpp.log"
    exit 1
fi

# Without the documents and tests, which are most of it. Of Boost.Log what fd2 uses: no parser of
# settings, which would need Boost.Regex, and no sinks of other systems.
echo "Building Boost.Log and what it uses: takes some minutes"
mkdir "$work/source/$boost"
tar -xf "$work/source/$boost"_*.orig.tar.* -C "$work/source/$boost" --strip-components=1 \
    --exclude='*/doc' --exclude='*/test' --exclude='*/example' --exclude='*.html'
echo "using gcc : mingw : x86_64-w64-mingw32-g++-posix ;" >"$work/user-config.jam"
libraries=(log thread filesystem chrono atomic)
targets=()
for library in "${libraries[@]}"; do targets+=("libs/$library/build//boost_$library"); done
(cd "$work/source/$boost" && b2 -j "$jobs" --user-config="$work/user-config.jam" \
    --build-dir="$work/build/boost" --layout=system toolset=gcc-mingw target-os=windows threadapi=win32 \
    binary-format=pe abi=ms architecture=x86 address-model=64 variant=release link=static \
    threading=multi runtime-link=static define=_WIN32_WINNT=0x0A00 \
    define=BOOST_LOG_WITHOUT_EVENT_LOG define=BOOST_LOG_WITHOUT_SYSLOG define=BOOST_LOG_WITHOUT_IPC \
    define=BOOST_LOG_WITHOUT_SETTINGS_PARSERS define=BOOST_LOG_WITHOUT_DEFAULT_FACTORIES \
    cxxflags=-w \
    "${targets[@]}" 2>&1) >"$work/boost.log" || true # what is missing is found below
for library in "${libraries[@]}"; do
    archive=$(find "$work/build/boost" -name "libboost_$library.a" | head -1)
    if [ -z "$archive" ]; then
        tail -60 "$work/boost.log"
        exit 1
    fi
    cp "$archive" "$prefix/lib/"
done

# Headers alone. Never all of /usr/include, which is Linux's.
cp -r /usr/include/{boost,catch2,CLI,nlohmann} "$prefix/include/"
# Catch2's package names a library, which Linux's is; its headers are enough.
mkdir "$prefix/lib/cmake/Catch2"
cp /usr/lib/cmake/Catch2/{Catch2ConfigVersion,Catch,CatchAddTests}.cmake "$prefix/lib/cmake/Catch2/"
cat >"$prefix/lib/cmake/Catch2/Catch2Config.cmake" <<'CMAKE'
list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")
if(NOT TARGET Catch2::Catch2)
    add_library(Catch2::Catch2 INTERFACE IMPORTED)
    get_filename_component(_include "${CMAKE_CURRENT_LIST_DIR}/../../../include" ABSOLUTE)
    set_target_properties(Catch2::Catch2 PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_include}")
    unset(_include)
endif()
CMAKE
mkdir -p "$prefix/share/cmake"
cp -r /usr/share/cmake/{CLI11,nlohmann_json} "$prefix/share/cmake/"
mkdir "$prefix/lib/cmake/Boost-1.81.0"
cat >"$prefix/lib/cmake/Boost-1.81.0/BoostConfig.cmake" <<'CMAKE'
# Written by windows-deps.sh: the components of Boost that lie here, all of them static.
get_filename_component(_boost "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(Boost_FOUND ON)
set(Boost_VERSION 1.81.0)
set(Boost_INCLUDE_DIRS "${_boost}/include")
if(NOT TARGET Boost::headers)
    add_library(Boost::headers INTERFACE IMPORTED)
    set_target_properties(Boost::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_boost}/include")
    add_library(Boost::boost INTERFACE IMPORTED)
    set_target_properties(Boost::boost PROPERTIES INTERFACE_LINK_LIBRARIES Boost::headers)
endif()
foreach(_component IN LISTS Boost_FIND_COMPONENTS ITEMS log thread filesystem chrono atomic)
    set(_archive "${_boost}/lib/libboost_${_component}.a")
    if(NOT EXISTS "${_archive}")
        set(Boost_FOUND OFF)
        set(Boost_NOT_FOUND_MESSAGE "${_archive} is not there")
        continue()
    endif()
    set(Boost_${_component}_FOUND ON)
    if(NOT TARGET Boost::${_component})
        add_library(Boost::${_component} STATIC IMPORTED)
        set_target_properties(Boost::${_component} PROPERTIES
            IMPORTED_CONFIGURATIONS RELEASE IMPORTED_LOCATION_RELEASE "${_archive}"
            INTERFACE_LINK_LIBRARIES Boost::headers)
    endif()
endforeach()
unset(_boost)
unset(_archive)
CMAKE
cat >"$prefix/lib/cmake/Boost-1.81.0/BoostConfigVersion.cmake" <<'CMAKE'
set(PACKAGE_VERSION 1.81.0)
if(NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
    set(PACKAGE_VERSION_COMPATIBLE ON)
endif()
CMAKE
# What the licences want beside a program that has these in it.
mkdir "$prefix/share/notices"
for package in libboost1.81-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev catch2 \
    gcc-mingw-w64-base mingw-w64-x86-64-dev; do
    cp -L "/usr/share/doc/$package/copyright" "$prefix/share/notices/$package.txt"
done
echo "$versions" >"$prefix/complete"
rm -rf "$target"
# Paths in what CMake installed are relative, so it may be moved.
mv "$prefix" "$target"
echo "$target" >&3
