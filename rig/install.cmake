# `cmake --install BUILD --prefix PREFIX`: the rig without its source tree. Everything that it reads lies
# in PREFIX/lib/rig in the order of the source tree, and is found from the place of the script itself, so
# the prefix can be moved. The list of what was installed is CMake's: BUILD/install_manifest.txt.

# Not CMAKE_INSTALL_LIBDIR: the directory is private, and bin/ links to it by a relative path.
set(RIG_LIBRARY lib/rig)
set(RIG_GENERATED ${CMAKE_CURRENT_BINARY_DIR}/install)
set(RIG_SOURCE ${CMAKE_CURRENT_SOURCE_DIR})

# VERSION is also what tells the engine that it is installed.
file(WRITE ${RIG_GENERATED}/VERSION "${PROJECT_VERSION}\n")
file(MAKE_DIRECTORY ${RIG_GENERATED}/bin)
foreach(program rig rig-trace)
  file(CREATE_LINK ../${RIG_LIBRARY}/${program} ${RIG_GENERATED}/bin/${program} SYMBOLIC)
endforeach()
install(FILES ${RIG_GENERATED}/bin/rig ${RIG_GENERATED}/bin/rig-trace DESTINATION bin)

install(PROGRAMS ${RIG_SOURCE}/rig DESTINATION ${RIG_LIBRARY})
install(FILES ${RIG_GENERATED}/VERSION ${CMAKE_SOURCE_DIR}/arch/aarch64/sysregs.yaml
        DESTINATION ${RIG_LIBRARY})
install(DIRECTORY ${RIG_SOURCE}/engine ${RIG_SOURCE}/gdb DESTINATION ${RIG_LIBRARY}
        FILES_MATCHING PATTERN "*.py"
        PATTERN "__pycache__" EXCLUDE PATTERN ".mypy_cache" EXCLUDE)
# Rules may bring gdb commands of their guest.
install(DIRECTORY ${RIG_SOURCE}/rules DESTINATION ${RIG_LIBRARY}
        FILES_MATCHING PATTERN "*.yaml" PATTERN "*.py"
        PATTERN "__pycache__" EXCLUDE PATTERN ".mypy_cache" EXCLUDE)
install(TARGETS rig-trace RUNTIME DESTINATION ${RIG_LIBRARY})
install(TARGETS rigwalk LIBRARY DESTINATION ${RIG_LIBRARY})
# Everything that an installation needs, and nothing else of the tree.
add_custom_target(rig-parts DEPENDS rig-trace rigwalk)
get_property(RIG_PLUGINS DIRECTORY ${RIG_SOURCE}/trace/plugin PROPERTY BUILDSYSTEM_TARGETS)
install(TARGETS ${RIG_PLUGINS} LIBRARY DESTINATION ${RIG_LIBRARY})
add_dependencies(rig-parts ${RIG_PLUGINS})

# Man pages and completions are made of the command line's parsers.
file(GLOB RIG_ENGINE CONFIGURE_DEPENDS ${RIG_SOURCE}/engine/*.py)
add_custom_command(
  OUTPUT ${RIG_GENERATED}/texts.stamp
  COMMAND ${TYRNE_PYTHON} -B ${RIG_SOURCE}/install_texts.py ${RIG_GENERATED}
  COMMAND ${CMAKE_COMMAND} -E touch ${RIG_GENERATED}/texts.stamp
  DEPENDS ${RIG_SOURCE}/install_texts.py ${RIG_ENGINE} ${CMAKE_SOURCE_DIR}/CMakeLists.txt
  COMMENT "Man pages and completions of the rig")
add_custom_target(rig-texts ALL DEPENDS ${RIG_GENERATED}/texts.stamp)
add_dependencies(rig-parts rig-texts)
install(DIRECTORY ${RIG_GENERATED}/man1 DESTINATION share/man)
install(FILES ${RIG_GENERATED}/completions/rig DESTINATION share/bash-completion/completions)
install(FILES ${RIG_GENERATED}/completions/_rig DESTINATION share/zsh/site-functions)
install(FILES ${RIG_GENERATED}/completions/rig.fish DESTINATION share/fish/vendor_completions.d)

# What people read, and the templates that they copy.
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/README.md DESTINATION share/doc/rig)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/guides DESTINATION share/doc/rig)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/ci/templates DESTINATION share/rig)
