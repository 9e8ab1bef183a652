#include "check.h"

#include <tyrne/panic.h>
#include <tyrne/pmm.h>
#include <tyrne/print.h>

/* A task that is left waiting for ever must not keep the machine running. */
#define TURNS 1000U

extern struct pmm kernel_pmm;
extern const unsigned char __text_start[];
extern const unsigned char __rodata_end[];

static unsigned idle_index;
static uint64_t sum_before;

/* Of the kernel's code and constants. */
static uint64_t checksum(void)
{
    uint64_t sum = 0;

    for (const unsigned char *byte = __text_start; byte != __rodata_end; byte++) {
        sum = sum * 31U + *byte;
    }
    return sum;
}

/* Capabilities outside of idle's table, those in flight included. */
static unsigned held_capabilities(const struct core *core)
{
    unsigned held = 0;

    for (unsigned i = 0; i < CAP_SLOTS; i++) {
        if (i / CAP_TABLE_SLOTS != idle_index && core->caps.slots[i].cap.kind != CAP_KIND_NONE) {
            held++;
        }
    }
    return held;
}

static void task_check(void *argument)
{
    struct core *core = argument;

    for (unsigned turn = 0; turn < TURNS && sched_task_count(&core->sched) != 1; turn++) {
        sched_yield(&core->sched);
    }
    KASSERT(sched_task_count(&core->sched) == 1);
    /* The bootstrap space and its root. */
    KASSERT(object_count(&core->spaces->arena) == 1);
    KASSERT(pmm_free_frames(&kernel_pmm) ==
            kernel_pmm.frames - pmm_reserved_frames(&kernel_pmm) - 1U);
    KASSERT(held_capabilities(core) == 0);
    KASSERT(checksum() == sum_before);
    kprintf("check: the kernel is as it was\n");
    task_exit(core);
}

void check_start(struct core *core, struct object_ref idle)
{
    struct object_ref task;

    idle_index = idle.index;
    sum_before = checksum();
    KASSERT(sched_create(&core->sched, task_check, core, &task) == STATUS_OK);
    KASSERT(sched_start(&core->sched, task) == STATUS_OK);
}
