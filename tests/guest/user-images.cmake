# Images for the tests of user programs (tests/rig/user), in user-images/ of the image's directory. They
# share the kernel's objects, so that each costs its programs and a link.
set(GUEST ${ROOT}/tests/guest)
add_library(two-programs OBJECT ${GUEST}/two_programs.c ${GUEST}/check.c)
target_link_libraries(two-programs PRIVATE tyrne_settings)
set_target_properties(two-programs PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON)

# CASE.elf and CASE.user.elf for each case of faults.yaml: the program that makes the mistake, then hello.
set(FAULTS ${ROOT}/tests/rig/user/faults.yaml)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FAULTS})
file(STRINGS ${FAULTS} CASES REGEX "^[a-z0-9-]+:$")
list(TRANSFORM CASES REPLACE ":$" "")
block()
  if(NOT CMAKE_RUNTIME_OUTPUT_DIRECTORY)
    set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  endif()
  string(APPEND CMAKE_RUNTIME_OUTPUT_DIRECTORY /user-images)
  foreach(case IN LISTS CASES)
    string(REPLACE "-" "_" fault ${case})
    tyrne_program(${case} ${GUEST}/programs/faults.S)
    target_compile_definitions(program-${case} PRIVATE FAULT=${fault})
    tyrne_image(image-${case} ${case}.elf $<TARGET_OBJECTS:two-programs> PROGRAMS ${case} hello)
  endforeach()
endblock()
