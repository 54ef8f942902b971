#!/usr/bin/env bash
# Builds what a static fd2 needs beside musl, of which Debian has the C library alone: the C++
# run-time library, Boost.Log and what it uses, yaml-cpp and libmd, all static, from Debian's sources;
# and compilers musl-cc and musl-c++ that find them.
#
#     scripts/lib/musl-deps.sh            builds what is missing, and says where it lies
#     scripts/lib/musl-deps.sh --where    says where it lies, and fails if it is not there
#
# It lies in ${XDG_CACHE_HOME:-~/.cache}/fd2/musl/<key>; the key is made of the packages' versions and of
# this file. It takes some five minutes and is laid there whole or not at all.
set -euo pipefail

# Those that this is run with (scripts/lib/packages.sh, groups `build` and `musl`).
packages=(libboost1.81-dev libyaml-cpp-dev libmd-dev libcli11-dev nlohmann-json3-dev linux-libc-dev
    musl-dev gcc-12-source g++-12)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/cached.sh"
fd2_cache_begin musl "$here/musl-deps.sh" "${1:-}" "${packages[@]}"
mkdir -p "$prefix"/{bin,include,lib/cmake,share/cmake}

machine=$(uname -m)
jobs=$(nproc)

# ---- compilers: gcc with musl's headers and start files, as musl-tools has it for C -------------

# gcc leaves the index of the exceptions' tables out of static programs, and has start files register the
# tables themselves; musl-gcc's do not.

specs=/usr/lib/$machine-linux-musl/musl-gcc.specs
cat >"$prefix/bin/musl-cc" <<SH
#!/bin/sh
# Written by musl-deps.sh: gcc with musl.
root=\$(cd "\$(dirname "\$0")/.." && pwd)
exec $machine-linux-gnu-gcc-12 "\$@" -idirafter "\$root/include" -L"\$root/lib" -B"\$root/lib/" \\
    -Wl,--eh-frame-hdr -specs $specs
SH
cat >"$prefix/bin/musl-c++" <<SH
#!/bin/sh
# Written by musl-deps.sh: g++ with musl and the C++ library that lies here.
root=\$(cd "\$(dirname "\$0")/.." && pwd)
exec $machine-linux-gnu-g++-12 -nostdinc++ -isystem "\$root/include/c++" \\
    -isystem "\$root/include/c++/$machine-linux-musl" -isystem "\$root/include/c++/backward" \\
    "\$@" -idirafter "\$root/include" -L"\$root/lib" -B"\$root/lib/" \\
    -Wl,--eh-frame-hdr -specs $specs
SH
chmod 755 "$prefix/bin"/*
# The kernel's headers. Never all of /usr/include, which is the other C library's.
cp -r /usr/include/{linux,asm-generic} "/usr/include/$machine-linux-gnu/asm" "$prefix/include/"
export PATH="$prefix/bin:$PATH"

# gcc's unwinder finds an object's tables by a function that only the other C library has.
cat >"$work/build/find_object.c" <<'C'
#define _GNU_SOURCE
#include <link.h>
#include <stddef.h>
#include <stdint.h>

/* As glibc's <dlfcn.h> has it, on machines where it names no base of the data. */
struct dl_find_object {
    unsigned long long flags;
    void *map_start, *map_end;
    struct link_map *map;
    void *eh_frame;
    unsigned long long reserved[7];
};

struct search {
    uintptr_t pc;
    struct dl_find_object *out;
};

static int look(struct dl_phdr_info *info, size_t size, void *argument) {
    struct search *search = argument;
    const ElfW(Phdr) *found = NULL, *tables = NULL;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const ElfW(Phdr) *each = info->dlpi_phdr + i;
        const uintptr_t start = info->dlpi_addr + each->p_vaddr;
        if (each->p_type == PT_GNU_EH_FRAME) tables = each;
        if (each->p_type == PT_LOAD && search->pc >= start && search->pc - start < each->p_memsz)
            found = each;
    }
    if (!found || !tables) return 0;
    search->out->map_start = (void *)(info->dlpi_addr + found->p_vaddr);
    search->out->map_end = (char *)search->out->map_start + found->p_memsz;
    search->out->eh_frame = (void *)(info->dlpi_addr + tables->p_vaddr);
    return 1;
}

int _dl_find_object(void *pc, struct dl_find_object *out) {
    struct search search = {(uintptr_t)pc, out};
    *out = (struct dl_find_object){0};
    return dl_iterate_phdr(look, &search) ? 0 : -1;
}
C
musl-cc -O2 -fPIC -c -o "$work/build/find_object.o" "$work/build/find_object.c"
cp "$($machine-linux-gnu-gcc-12 -print-file-name=libgcc_eh.a)" "$prefix/lib/" # found before gcc's, by -B
ar r "$prefix/lib/libgcc_eh.a" "$work/build/find_object.o"

# ---- the C++ library ----------------------------------------------------------------------------

echo "Building the C++ library"
gcc=$work/source/gcc
unpack_gcc() {
    local top
    mkdir "$gcc"
    top=$(basename /usr/src/gcc-12/gcc-12.*.tar.xz -dfsg.tar.xz)
    tar -xf "/usr/src/gcc-12/$top"-dfsg.tar.xz -C "$gcc" --strip-components=1 \
        --exclude='*/testsuite/*/*' \
        "$top"/{config,include,libgcc,libiberty,libstdc++-v3,libtool-ldflags,ltmain.sh,mkinstalldirs,move-if-change} \
        "$top"/{config-ml.in,config.guess,config.rpath,config.sub,install-sh,missing} \
        "$top"/gcc/{BASE-VER,DATESTAMP,DEV-PHASE}
    # Threads are always there: weak references to them would be null in a static program.
    sed -i 's/^#define GCC_GTHR_H$/&\n#undef GTHREAD_USE_WEAK\n#define GTHREAD_USE_WEAK 0/' "$gcc/libgcc/gthr.h"
    ln -s gthr-posix.h "$gcc/libgcc/gthr-default.h" # where its configure looks, without the rest of gcc
}
cxx_library() {
    mkdir "$work/build/libstdc++"
    cd "$work/build/libstdc++"
    # What is yet to be built is not to be found.
    cat >"$work/build/bare-c++" <<SH
#!/bin/sh
exec $machine-linux-gnu-g++-12 -nostdinc++ "\$@" -idirafter "$prefix/include" -specs $specs
SH
    chmod 755 "$work/build/bare-c++"
    "$gcc/libstdc++-v3/configure" --build="$machine-linux-gnu" --host="$machine-linux-musl" \
        --prefix="$prefix" --with-gxx-include-dir="$prefix/include/c++" --disable-shared \
        --disable-multilib --disable-libstdcxx-pch --disable-nls CC=musl-cc CXX="$work/build/bare-c++" \
        CFLAGS='-O2 -fPIC' CXXFLAGS='-O2 -fPIC'
    make -j "$jobs"
    make install
}
# By itself in the cache as well: it takes longest, and changes least.
cxx=$cache/c++-$({ grep -E '^(gcc-12-source|musl-dev|g[+][+]-12) ' <<<"$versions"; declare -f cxx_library; } |
    sha256sum | cut -c1-16)
if [ ! -d "$cxx" ]; then
    unpack_gcc
    fd2_logged cxx_library
    mkdir -p "$work/c++"/{lib,include}
    cp "$prefix"/lib/lib{std,sup}c++.a "$work/c++/lib/"
    cp -r "$prefix/include/c++" "$work/c++/include/"
    mv "$work/c++" "$cxx"
fi
cp -r "$cxx"/{lib,include} "$prefix/"
rm -rf "$prefix"/lib/*.la "$prefix"/lib/*.py "$prefix"/share/gcc*

# ---- Debian's sources ---------------------------------------------------------------------------

echo "Downloading the sources of Boost, yaml-cpp and libmd (75 MB)"
fd2_sources libboost1.81-dev libyaml-cpp-dev libmd-dev
fd2_unpack yaml-cpp libmd

echo "Building yaml-cpp and libmd"
yaml_cpp() {
    # -w: its warnings are nothing to us.
    cmake -G Ninja -S "$work/source/yaml-cpp" -B "$work/build/yaml-cpp" \
        -DCMAKE_C_COMPILER=musl-cc -DCMAKE_CXX_COMPILER=musl-c++ -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_CXX_FLAGS=-w -DBUILD_SHARED_LIBS=OFF \
        -DYAML_CPP_BUILD_TESTS=OFF -DYAML_CPP_BUILD_TOOLS=OFF -DYAML_BUILD_SHARED_LIBS=OFF
    cmake --build "$work/build/yaml-cpp" -j "$jobs" --target install
}
libmd() {
    cd "$work/source/libmd"
    [ -x configure ] || autoreconf -fi
    ./configure --host="$machine-linux-musl" --prefix="$prefix" --disable-shared CC=musl-cc
    make -j "$jobs" -C src install
    make -C include install
}
fd2_logged yaml_cpp
fd2_logged libmd

fd2_build_boost "using gcc : musl : $prefix/bin/musl-c++ ;" toolset=gcc-musl cxxflags='-w -fPIC'

# ---- headers alone, and where CMake looks ---------------------------------------------------------

cp -r /usr/include/{boost,CLI,nlohmann} "$prefix/include/"
cp -r /usr/share/cmake/{CLI11,nlohmann_json} "$prefix/share/cmake/"
mkdir "$prefix/lib/cmake/Boost-1.81.0"
cat >"$prefix/lib/cmake/Boost-1.81.0/BoostConfig.cmake" <<'CMAKE'
# Written by musl-deps.sh: the components of Boost that lie here, all of them static.
get_filename_component(_boost "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(Boost_FOUND ON)
set(Boost_VERSION 1.81.0)
if(NOT TARGET Boost::headers)
    add_library(Boost::headers INTERFACE IMPORTED) # musl-c++ finds them
endif()
foreach(_component IN LISTS Boost_FIND_COMPONENTS ITEMS log thread filesystem chrono atomic)
    set(_archive "${_boost}/lib/libboost_${_component}.a")
    if(NOT EXISTS "${_archive}")
        set(Boost_FOUND OFF)
        set(Boost_NOT_FOUND_MESSAGE "${_archive} is not there")
    elseif(NOT TARGET Boost::${_component})
        add_library(Boost::${_component} STATIC IMPORTED)
        set_target_properties(Boost::${_component} PROPERTIES
            IMPORTED_CONFIGURATIONS RELEASE IMPORTED_LOCATION_RELEASE "${_archive}")
    endif()
    set(Boost_${_component}_FOUND ${Boost_FOUND})
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
fd2_cache_end
