# tyrne_generate_sysregs(TARGET): an interface library whose include directory holds sysregs.h and
# sysregs_names.h, generated from sysregs.yaml. Used by the host build and by each guest build.
set(TYRNE_SYSREGS_DIR ${CMAKE_CURRENT_LIST_DIR})

function(tyrne_generate_sysregs target)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out})
  add_custom_command(
    OUTPUT ${out}/sysregs.h ${out}/sysregs_names.h
    COMMAND /usr/bin/python3 ${TYRNE_SYSREGS_DIR}/tools/gen_sysregs.py ${TYRNE_SYSREGS_DIR}/sysregs.yaml
            --constants ${out}/sysregs.h --names ${out}/sysregs_names.h
    DEPENDS ${TYRNE_SYSREGS_DIR}/sysregs.yaml ${TYRNE_SYSREGS_DIR}/tools/gen_sysregs.py
    COMMENT "Generating register constants from sysregs.yaml"
    VERBATIM)
  add_custom_target(${target}_files DEPENDS ${out}/sysregs.h ${out}/sysregs_names.h)
  add_library(${target} INTERFACE)
  target_include_directories(${target} INTERFACE ${out})
  add_dependencies(${target} ${target}_files)
endfunction()
