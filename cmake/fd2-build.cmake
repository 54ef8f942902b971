# What every target of the tree is built with. Options:
#   FD2_WERROR    treat warnings as errors (CI sets it)
#   FD2_SANITIZE  "address,undefined" or "thread"; empty for none

option(FD2_WERROR "Treat warnings as errors" OFF)
set(FD2_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them; empty for none")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

find_program(FD2_CCACHE ccache)
if(FD2_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # NOHASHDIR: the tree that the packages are tested from shares its objects with the one around it.
    # Without the sloppiness it does not keep what was compiled with a precompiled header.
    set(CMAKE_C_COMPILER_LAUNCHER env CCACHE_NOHASHDIR=1 "${FD2_CCACHE}")
    set(CMAKE_CXX_COMPILER_LAUNCHER
        env CCACHE_NOHASHDIR=1
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        "${FD2_CCACHE}")
endif()

find_package(Threads REQUIRED)

# Debian 12 has Boost 1.81 beside its default 1.74; 1.81 is the one that fd2 is built and tested with.
find_package(Boost 1.81 REQUIRED)

add_library(fd2_options INTERFACE)
target_compile_options(fd2_options INTERFACE
    -Wall -Wextra -Wconversion -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
    $<$<BOOL:${FD2_WERROR}>:-Werror>)
target_compile_definitions(fd2_options INTERFACE _GNU_SOURCE)
if(FD2_SANITIZE)
    # -O1 and -g1: instrumented tests take gcc twice as long at -O2, and run no faster for it; what a
    # sanitizer reports needs lines, not variables.
    target_compile_options(fd2_options INTERFACE
        -fsanitize=${FD2_SANITIZE} -fno-omit-frame-pointer -O1 -g1)
    target_link_options(fd2_options INTERFACE -fsanitize=${FD2_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # gcc's own advice: beside a sanitizer this warning takes instrumented code for uninitialised.
        target_compile_options(fd2_options INTERFACE -Wno-maybe-uninitialized)
    endif()
    # Of a plugin's thread-local variables the run-time libraries guess where a block begins, after a
    # layout that glibc gave up long ago, and die of some guesses ("failed to allocate", "Tracer
    # caught signal 11"). In the static block there is nothing to guess.
    target_compile_options(fd2_options INTERFACE -ftls-model=initial-exec)
    if(FD2_SANITIZE STREQUAL "thread")
        # ThreadSanitizer knows no fences. Asio's around handlers order nothing that its mutexes do
        # not; the one of its reference counts is named in the list of what is suppressed.
        target_compile_definitions(fd2_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
            target_compile_options(fd2_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-tsan>)
        endif()
    endif()
endif()

# fd2_room(<name> SOURCES ... [USES room ...] [LINKS target ...])
#
# One room of the host: a static library `fd2_<name>` whose headers are included as
# "<name>/header.hpp". USES names the rooms it may include (scripts/check-includes holds the
# includes against the same table).
function(fd2_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;USES;LINKS" ${ARGN})
    add_library(fd2_${name} STATIC ${ROOM_SOURCES})
    target_include_directories(fd2_${name} PUBLIC "${PROJECT_SOURCE_DIR}/host")
    target_link_libraries(fd2_${name} PRIVATE fd2_options)
    foreach(used IN LISTS ROOM_USES)
        target_link_libraries(fd2_${name} PUBLIC fd2_${used})
    endforeach()
    target_link_libraries(fd2_${name} PUBLIC ${ROOM_LINKS})
endfunction()
