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

# Another project's build type is that project's to say.
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

find_program(FD2_CCACHE ccache)
if(FD2_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # NOHASHDIR and BASEDIR: two build trees share objects, unity files included (that of the packages,
    # below another one, has to).
    # Without the sloppiness it does not keep what was compiled with a precompiled header.
    set(CMAKE_C_COMPILER_LAUNCHER
        env CCACHE_NOHASHDIR=1 "CCACHE_BASEDIR=${CMAKE_BINARY_DIR}" "${FD2_CCACHE}")
    set(CMAKE_CXX_COMPILER_LAUNCHER
        env CCACHE_NOHASHDIR=1 "CCACHE_BASEDIR=${CMAKE_BINARY_DIR}"
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        "${FD2_CCACHE}")
endif()

find_package(Threads REQUIRED)

# Debian 12 has Boost 1.81 beside its default 1.74; 1.81 is the one that fd2 is built and tested with.
find_package(Boost 1.81 REQUIRED)

add_library(fd2_options INTERFACE)
# -Wshadow: in a unity build it would take another file's names for this one's.
if(MSVC)
    target_compile_options(fd2_options INTERFACE
        /W4 /utf-8 /permissive- /Zc:__cplusplus /Zc:preprocessor /EHsc $<$<BOOL:${FD2_WERROR}>:/WX>)
else()
    target_compile_options(fd2_options INTERFACE
        -Wall -Wextra -Wconversion $<$<NOT:$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>>:-Wshadow>
        $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> $<$<BOOL:${FD2_WERROR}>:-Werror>)
endif()
target_compile_definitions(fd2_options INTERFACE _GNU_SOURCE)
if(WIN32)
    # Windows 10 and later; text goes to the system as UTF-16; and <windows.h> keeps to itself.
    target_compile_definitions(fd2_options INTERFACE
        _WIN32_WINNT=0x0A00 UNICODE _UNICODE WIN32_LEAN_AND_MEAN NOMINMAX BOOST_ALL_NO_LIB)
endif()
if(FD2_SANITIZE)
    # -O1 and -g1: instrumented code takes gcc twice as long at -O2, and runs no faster for it; what a
    # sanitizer reports needs lines, not variables. The sources of the tests take two thirds of that at
    # -O0 (with UBSan a third), and when they run they mostly wait.
    target_compile_options(fd2_options INTERFACE
        -fsanitize=${FD2_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1
        $<IF:$<BOOL:$<TARGET_PROPERTY:FD2_IS_TEST>>,-O0,-O1>)
    target_link_options(fd2_options INTERFACE -fsanitize=${FD2_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # gcc's own advice: beside a sanitizer this warning takes instrumented code for uninitialised.
        target_compile_options(fd2_options INTERFACE -Wno-maybe-uninitialized)
    elseif(FD2_SANITIZE MATCHES undefined)
        # function: what it writes before each function, clang 14 cannot write before a coroutine's
        # ("Cannot represent a difference across sections"). vptr: it opens pipes to see whether
        # memory can be read, while tests make each system call fail; and it knows no type from
        # another shared object by its name.
        target_compile_options(fd2_options INTERFACE -fno-sanitize=function,vptr)
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

# The rooms alone tell a fuzzer what was reached: they are what is fuzzed.
add_library(fd2_fuzzed INTERFACE)
if(FD2_FUZZ)
    target_compile_options(fd2_fuzzed INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What ships is hardened: the rooms, the command, the library and the backends. (A sanitizer brings
# checks of its own. glibc's are for code that is optimised, and warn where it is not.)
add_library(fd2_hardening INTERFACE)
if(WIN32)
    # Addresses anywhere and no executable data are the linker's defaults there.
    if(NOT MSVC)
        target_compile_options(fd2_hardening INTERFACE -fstack-protector-strong)
        target_link_libraries(fd2_hardening INTERFACE ssp)
    endif()
elseif(NOT FD2_SANITIZE)
    include(CheckPIESupported)
    check_pie_supported()
    target_compile_options(fd2_hardening INTERFACE
        -fstack-protector-strong
        $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE>
        $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-D_FORTIFY_SOURCE=2>)
    target_link_options(fd2_hardening INTERFACE LINKER:-z,relro,-z,now,-z,noexecstack)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
        # Said of the shadow stack by force: Debian's start-up files are silent about it. The other
        # half, branch tracking, nobody may claim for them; our own code has its landing pads.
        target_compile_options(fd2_hardening INTERFACE -fcf-protection=full)
        target_link_options(fd2_hardening INTERFACE LINKER:-z,shstk)
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
        target_compile_options(fd2_hardening INTERFACE -mbranch-protection=standard)
    endif()
endif()

# For what is compiled with a precompiled header.
add_library(fd2_precompiled INTERFACE)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The first for ccache. The others: with it gcc 12 no longer knows what stands in a system header,
    # and shows its false alarms about std::string.
    target_compile_options(fd2_precompiled INTERFACE
        -fpch-preprocess -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow
        -Wno-stringop-overread)
elseif(NOT MSVC)
    target_compile_options(fd2_precompiled INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()

# fd2_platform_sources(<variable>)
#
# Takes the sources of other platforms out of a list: `x.posix.cpp` (Linux included), `x.linux.cpp`
# and `x.windows.cpp` are compiled there only. All of them stand in the lists, which say what there is.
function(fd2_platform_sources variable)
    set(others posix linux)
    if(NOT WIN32)
        set(others windows)
        if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
            list(APPEND others linux)
        endif()
    endif()
    foreach(other IN LISTS others)
        list(FILTER ${variable} EXCLUDE REGEX "\\.${other}\\.[a-z]+$")
    endforeach()
    set(${variable} "${${variable}}" PARENT_SCOPE)
endfunction()

# fd2_room(<name> SOURCES ... [USES room ...] [LINKS target ...])
#
# One room of the host: a static library `fd2_<name>` whose headers are included as
# "<name>/header.hpp". USES names the rooms it may include (scripts/check-includes holds the
# includes against the same table).
function(fd2_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;USES;LINKS" ${ARGN})
    fd2_platform_sources(ROOM_SOURCES)
    add_library(fd2_${name} STATIC ${ROOM_SOURCES})
    target_include_directories(fd2_${name} PUBLIC "${PROJECT_SOURCE_DIR}/host")
    target_link_libraries(fd2_${name} PRIVATE fd2_options fd2_hardening fd2_fuzzed)
    foreach(used IN LISTS ROOM_USES)
        target_link_libraries(fd2_${name} PUBLIC fd2_${used})
    endforeach()
    target_link_libraries(fd2_${name} PUBLIC ${ROOM_LINKS})
endfunction()
