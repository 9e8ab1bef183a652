# The fuzz run's image: hostile programs, two victims, and the kernel side that keeps them going.
# Included by bsp/qemu-virt.
set(FUZZ ${CMAKE_CURRENT_LIST_DIR})
tyrne_program(fuzz ${FUZZ}/stub.S ${FUZZ}/fuzz.c ${FUZZ}/craft.c
              ${FUZZ}/handles.c ${FUZZ}/memory.c ${FUZZ}/judge.c)
tyrne_program(victim ${FUZZ}/victim.c)
tyrne_image(tyrne-fuzz tyrne-fuzz.elf "${FUZZ}/tasks.c;${FUZZ}/pump.c;${FUZZ}/check.c" PROGRAMS fuzz victim)
