# The guest images of the top-level build: nested builds of this board, one for each compiler.
# Results: <build>/tyrne.elf (gcc) and <build>/tyrne-clang.elf (clang); and by gcc, for tests,
# tyrne-timer.elf (a task that the timer's interrupt wakes), tyrne-bench.elf, tyrne-user-bench.elf,
# tyrne-fuzz.elf, user-images/ (programs that do what they may not, a server with its clients), and
# kernel-images/ (kernels that make a mistake, or are called with what they refuse).
include(ExternalProject)

# tyrne_guest_image(NAME COMPILER [cmake arguments...])
function(tyrne_guest_image name compiler)
  ExternalProject_Add(guest-${compiler}
    SOURCE_DIR ${CMAKE_SOURCE_DIR}/bsp/qemu-virt
    BINARY_DIR ${CMAKE_BINARY_DIR}/guest-${compiler}
    CMAKE_ARGS
      --toolchain ${CMAKE_SOURCE_DIR}/arch/aarch64/toolchain-${compiler}.cmake
      -DCMAKE_BUILD_TYPE=${TYRNE_GUEST_BUILD_TYPE}
      -DTYRNE_IMAGE_NAME=${name}
      -DCMAKE_RUNTIME_OUTPUT_DIRECTORY=${CMAKE_BINARY_DIR}
      ${ARGN}
    BUILD_ALWAYS ON
    BUILD_BYPRODUCTS ${CMAKE_BINARY_DIR}/${name}
    INSTALL_COMMAND ""
    USES_TERMINAL_BUILD ON)
endfunction()

tyrne_guest_image(tyrne.elf gcc -DTYRNE_TEST_IMAGES=ON)
# Its programs have the names of gcc's: they get a directory of their own, or one build would embed what the other has
# just linked.
tyrne_guest_image(tyrne-clang.elf clang -DTYRNE_PROGRAM_DIRECTORY=${CMAKE_BINARY_DIR}/programs-clang)
