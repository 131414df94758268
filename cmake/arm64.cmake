# SPDX-License-Identifier: Apache-2.0
# Cross compilation for Debian 12 on arm64 with Debian's compiler and the packages that tools/arm64-packages unpacks.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(QVM_ARM64_ROOT ${CMAKE_CURRENT_LIST_DIR}/../build/arm64-root CACHE PATH "headers and libraries for arm64")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES QVM_ARM64_ROOT)

set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(CMAKE_SYSROOT ${QVM_ARM64_ROOT})
set(CMAKE_FIND_ROOT_PATH ${QVM_ARM64_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# pkg-config looks there only, and puts the directory before what the packages say.
set(ENV{PKG_CONFIG_PATH} "")
set(ENV{PKG_CONFIG_LIBDIR} ${QVM_ARM64_ROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${QVM_ARM64_ROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${QVM_ARM64_ROOT})

# Tests that need neither KVM nor io_uring run on the build machine.
find_program(QVM_ARM64_EMULATOR NAMES qemu-aarch64-static qemu-aarch64 NO_CMAKE_FIND_ROOT_PATH)
if(QVM_ARM64_EMULATOR)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${QVM_ARM64_EMULATOR} -L ${QVM_ARM64_ROOT})
endif()
