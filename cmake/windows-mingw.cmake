# Toolchain: Windows, cross-built on Debian with mingw-w64 (posix threads), linked statically.
#
# What Debian has no Windows packages of (Boost.Log, yaml-cpp, ...) is built once by
# scripts/lib/windows-deps.sh, which prints where it lies: FD2_WINDOWS_DEPS, or the newest in the cache.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)

if(NOT FD2_WINDOWS_DEPS)
    set(FD2_WINDOWS_DEPS "$ENV{FD2_WINDOWS_DEPS}")
endif()
if(NOT FD2_WINDOWS_DEPS)
    execute_process(COMMAND "${CMAKE_CURRENT_LIST_DIR}/../scripts/lib/windows-deps.sh" --where
        OUTPUT_VARIABLE FD2_WINDOWS_DEPS OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
set(FD2_WINDOWS_DEPS "${FD2_WINDOWS_DEPS}" CACHE PATH "What windows-deps.sh has built")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FD2_WINDOWS_DEPS)

set(CMAKE_FIND_ROOT_PATH "${FD2_WINDOWS_DEPS}" /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Everything in one file: a missing DLL is exit status 53 and no message.
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_SHARED_LINKER_FLAGS_INIT -static)
set(CMAKE_MODULE_LINKER_FLAGS_INIT -static)
set(CMAKE_CROSSCOMPILING_EMULATOR "${CMAKE_CURRENT_LIST_DIR}/../scripts/lib/wine.sh")
