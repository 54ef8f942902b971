# Toolchain: Linux on arm64, cross-built on Debian against its own packages of that architecture, which
# scripts/lib/arm64-sysroot.sh unpacks: FD2_ARM64_SYSROOT, or what is in the cache. What is built is run
# by qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

if(NOT FD2_ARM64_SYSROOT)
    set(FD2_ARM64_SYSROOT "$ENV{FD2_ARM64_SYSROOT}")
endif()
if(NOT FD2_ARM64_SYSROOT)
    execute_process(COMMAND "${CMAKE_CURRENT_LIST_DIR}/../scripts/lib/arm64-sysroot.sh" --where
        OUTPUT_VARIABLE FD2_ARM64_SYSROOT OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
set(FD2_ARM64_SYSROOT "${FD2_ARM64_SYSROOT}" CACHE PATH "What arm64-sysroot.sh has unpacked")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FD2_ARM64_SYSROOT)

set(CMAKE_SYSROOT "${FD2_ARM64_SYSROOT}")
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L "${FD2_ARM64_SYSROOT}")
