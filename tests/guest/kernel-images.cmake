# Images for the coverage suite (rig/rules/tyrne-cover.yaml), in kernel-images/ of the image's directory.

# Kernels whose first task makes a mistake, in kernel-images/ (kernel_mistakes.c, which numbers them): each must
# end by a report or a halt that has a name.
block()
  if(NOT CMAKE_RUNTIME_OUTPUT_DIRECTORY)
    set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  endif()
  string(APPEND CMAKE_RUNTIME_OUTPUT_DIRECTORY /kernel-images)
  set(checked "")
  foreach(mistake panics asserts reads-unmapped overruns-stack misaligns-stack loses-stack fills-stack
                  faults-on-sp-el0 returns calls-hypervisor loses-console loses-emergency-stack
                  loops-in-backtrace enters-guard)
    string(TOUPPER ${mistake} word)
    string(REPLACE "-" "_" word ${word})
    tyrne_image(kernel-${mistake} ${mistake}.elf ${GUEST}/kernel_mistakes.c PROGRAMS hello
                DEFINITIONS MISTAKE=${word} ${checked})
    set(checked UNCHECKED)
  endforeach()

  # The interfaces with what they refuse.
  tyrne_image(kernel-edges edges.elf ${GUEST}/kernel_edges.c PROGRAMS hello)

  # What enters the kernel as no loader should: with the MMU on, or under a hypervisor without PSCI.
  foreach(loader mmu-on no-psci)
    string(REPLACE "-" "_" source ${loader})
    add_executable(${loader} ${GUEST}/${source}.S)
    target_link_libraries(${loader} PRIVATE tyrne_compiler tyrne_sysregs)
    target_link_options(${loader} PRIVATE
      -nostdlib -static -Wl,-Ttext=0x47000000 -Wl,-e,_start -Wl,--build-id=none)
    set_target_properties(${loader} PROPERTIES OUTPUT_NAME ${loader}.loader)
  endforeach()
endblock()
