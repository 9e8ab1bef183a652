# Debian's cross gcc for the guest.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)
set(TYRNE_GUEST_FLAGS -fno-tree-switch-conversion)
set(CMAKE_C_FLAGS_DEBUG_INIT "-Og")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_ASM_FLAGS_RELEASE "-g")
# For the one unit that a syscall runs through, in release builds.
set(TYRNE_INLINE_FLAGS -finline-functions -finline-limit=400)
