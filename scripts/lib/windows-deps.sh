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

# Those that windows-deps.sh is run with (scripts/lib/packages.sh, groups `build` and `windows`).
packages=(libboost1.81-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev catch2
    g++-mingw-w64-x86-64-posix mingw-w64-x86-64-dev)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/cached.sh"
fd2_cache_begin windows "$here/windows-deps.sh" "${1:-}" "${packages[@]}"
mkdir -p "$prefix"/{lib/cmake,include,share/cmake}

echo "Downloading the sources of Boost and yaml-cpp (75 MB)"
fd2_sources libboost1.81-dev libyaml-cpp-dev
fd2_unpack yaml-cpp

compilers=(-DCMAKE_SYSTEM_NAME=Windows
    -DCMAKE_C_COMPILER=x86_64-w64-mingw32-gcc-posix -DCMAKE_CXX_COMPILER=x86_64-w64-mingw32-g++-posix
    -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY
    -DCMAKE_BUILD_TYPE=Release "-DCMAKE_INSTALL_PREFIX=$prefix" -DBUILD_SHARED_LIBS=OFF)

echo "Building yaml-cpp"
yaml_cpp() {
    # -w: its warnings are nothing to us.
    cmake -G Ninja -S "$work/source/yaml-cpp" -B "$work/build/yaml-cpp" "${compilers[@]}" \
        -DCMAKE_CXX_FLAGS=-w -DYAML_CPP_BUILD_TESTS=OFF -DYAML_CPP_BUILD_TOOLS=OFF -DYAML_BUILD_SHARED_LIBS=OFF
    cmake --build "$work/build/yaml-cpp" -j "$(nproc)" --target install
}
fd2_logged yaml_cpp

fd2_build_boost "using gcc : mingw : x86_64-w64-mingw32-g++-posix ;" \
    toolset=gcc-mingw target-os=windows threadapi=win32 binary-format=pe abi=ms architecture=x86 \
    address-model=64 define=_WIN32_WINNT=0x0A00 define=BOOST_LOG_WITHOUT_EVENT_LOG cxxflags=-w

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
fd2_cache_end
