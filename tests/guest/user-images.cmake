# Images for the tests of user programs (tests/rig/user), in user-images/ of the image's directory. They
# share the kernel's objects, so that each costs its programs and a link.
set(GUEST ${ROOT}/tests/guest)

# tyrne_first_tasks(NAME SOURCE): demo_create() for images that have the kernel checked at their end.
function(tyrne_first_tasks name source)
  add_library(${name} OBJECT ${GUEST}/${source} ${GUEST}/check.c)
  target_link_libraries(${name} PRIVATE tyrne_settings)
  target_include_directories(${name} PRIVATE ${ROOT}/userland/include)
  set_target_properties(${name} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON)
endfunction()
tyrne_first_tasks(two-programs two_programs.c)
tyrne_first_tasks(server-clients server_clients.c)

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
  set(checked "")
  foreach(case IN LISTS CASES)
    string(REPLACE "-" "_" fault ${case})
    tyrne_program(${case} ${GUEST}/programs/faults.S)
    target_compile_definitions(program-${case} PRIVATE FAULT=${fault})
    tyrne_image(image-${case} ${case}.elf $<TARGET_OBJECTS:two-programs> PROGRAMS ${case} hello ${checked})
    set(checked UNCHECKED) # the first one stands for the others
  endforeach()

  # A server and its clients, which exchange messages and capabilities.
  tyrne_program(ledger-client ${GUEST}/programs/ledger_client.c)
  tyrne_program(ledger-server ${GUEST}/programs/ledger_server.c)
  tyrne_image(image-ledger ledger.elf $<TARGET_OBJECTS:server-clients> PROGRAMS ledger-client ledger-server)
  # Another server, which the same rules must refuse.
  tyrne_program(ledger-thief ${GUEST}/programs/ledger_server.c)
  target_compile_definitions(program-ledger-thief PRIVATE LEDGER_KEEPS_RIGHT=1)
  tyrne_image(image-ledger-thief ledger-thief.elf $<TARGET_OBJECTS:server-clients>
              PROGRAMS ledger-client ledger-thief UNCHECKED)
endblock()
