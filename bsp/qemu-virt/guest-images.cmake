# The guest images of the top-level build: nested builds of this board, one for each compiler.
# Results: <build>/tyrne.elf (gcc) and <build>/tyrne-clang.elf (clang).
include(ExternalProject)

function(tyrne_guest_image name compiler)
  ExternalProject_Add(guest-${compiler}
    SOURCE_DIR ${CMAKE_SOURCE_DIR}/bsp/qemu-virt
    BINARY_DIR ${CMAKE_BINARY_DIR}/guest-${compiler}
    CMAKE_ARGS
      --toolchain ${CMAKE_SOURCE_DIR}/arch/aarch64/toolchain-${compiler}.cmake
      -DCMAKE_BUILD_TYPE=${TYRNE_GUEST_BUILD_TYPE}
      -DTYRNE_IMAGE_NAME=${name}
      -DCMAKE_RUNTIME_OUTPUT_DIRECTORY=${CMAKE_BINARY_DIR}
    BUILD_ALWAYS ON
    BUILD_BYPRODUCTS ${CMAKE_BINARY_DIR}/${name}
    INSTALL_COMMAND ""
    USES_TERMINAL_BUILD ON)
endfunction()

tyrne_guest_image(tyrne.elf gcc)
tyrne_guest_image(tyrne-clang.elf clang)
