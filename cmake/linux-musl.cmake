# Toolchain: Linux with musl instead of glibc, linked statically; the command then runs in an empty root.
#
# What Debian has for glibc only is built once by scripts/lib/musl-deps.sh, which prints where it lies:
# FD2_MUSL_DEPS, or what is in the cache. A static program loads no plugins: -DFD2_STATIC_PLUGINS=ON.
set(CMAKE_SYSTEM_NAME Linux)
cmake_host_system_information(RESULT CMAKE_SYSTEM_PROCESSOR QUERY OS_PLATFORM)

if(NOT FD2_MUSL_DEPS)
    set(FD2_MUSL_DEPS "$ENV{FD2_MUSL_DEPS}")
endif()
if(NOT FD2_MUSL_DEPS)
    execute_process(COMMAND "${CMAKE_CURRENT_LIST_DIR}/../scripts/lib/musl-deps.sh" --where
        OUTPUT_VARIABLE FD2_MUSL_DEPS OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
set(FD2_MUSL_DEPS "${FD2_MUSL_DEPS}" CACHE PATH "What musl-deps.sh has built")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FD2_MUSL_DEPS)

set(CMAKE_C_COMPILER "${FD2_MUSL_DEPS}/bin/musl-cc")
set(CMAKE_CXX_COMPILER "${FD2_MUSL_DEPS}/bin/musl-c++")
set(CMAKE_FIND_ROOT_PATH "${FD2_MUSL_DEPS}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
# Functions that glibc alone has.
set(CMAKE_C_FLAGS_INIT "-include ${CMAKE_CURRENT_LIST_DIR}/linux-musl.h")
set(CMAKE_CXX_FLAGS_INIT "-include ${CMAKE_CURRENT_LIST_DIR}/linux-musl.h")
