# The guest images of the top-level build: nested builds of this board.
# Results: <build>/tyrne.elf (gcc), <build>/tyrne-clang.elf (clang), and <build>/tyrne-timer.elf (gcc,
# with the task that the timer's interrupt wakes).
include(ExternalProject)

# tyrne_guest_image(NAME COMPILER BUILD [cmake arguments...]): the image NAME, built in guest-BUILD.
function(tyrne_guest_image name compiler build)
  ExternalProject_Add(guest-${build}
    SOURCE_DIR ${CMAKE_SOURCE_DIR}/bsp/qemu-virt
    BINARY_DIR ${CMAKE_BINARY_DIR}/guest-${build}
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

tyrne_guest_image(tyrne.elf gcc gcc)
tyrne_guest_image(tyrne-clang.elf clang clang)
tyrne_guest_image(tyrne-timer.elf gcc timer -DTYRNE_DEMO_TIMER=ON)
