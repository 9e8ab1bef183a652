# Forget what earlier runs counted: cmake -DDIR=... -P reset_counters.cmake
file(GLOB_RECURSE counters ${DIR}/*.gcda)
if(counters)
  file(REMOVE ${counters})
endif()
