/* The image's first program runs, then its second; then the kernel is looked at. */
#include <tyrne/bringup.h>

#include <tyrne/hal/board.h>
#include <tyrne/panic.h>

#include "check.h"

void demo_create(struct core *core, struct object_ref idle, struct object_ref program)
{
    struct object_ref second = bring_up_program(idle, hal_board_program(1));

    KASSERT(sched_start(&core->sched, program) == STATUS_OK);
    KASSERT(sched_start(&core->sched, second) == STATUS_OK);
    check_start(core, idle);
}
