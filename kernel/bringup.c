#include <tyrne/bringup.h>

#include <stddef.h>
#include <tyrne/address_space.h>
#include <tyrne/hal/board.h>
#include <tyrne/hal/irq.h>
#include <tyrne/hal/timer.h>
#include <tyrne/panic.h>
#include <tyrne/pmm.h>
#include <tyrne/print.h>

#define NS_PER_S 1000000000U

/* The kernel's state. The names are part of the debugger's interface. */
struct pmm kernel_pmm;
struct address_space_arena kernel_spaces;
struct core kernel_core;

static void bring_up_memory(void)
{
    struct pa_range reserved[PMM_MAX_RESERVED];
    size_t ranges = hal_board_reserved(reserved, PMM_MAX_RESERVED);
    struct object_ref bootstrap;

    KASSERT(pmm_init(&kernel_pmm, hal_board_ram(), reserved, ranges) == STATUS_OK);
    kprintf("tyrne: pmm initialized (%u frames available; %u reserved)\n",
            pmm_free_frames(&kernel_pmm), pmm_reserved_frames(&kernel_pmm));

    address_space_arena_init(&kernel_spaces, &kernel_pmm);
    KASSERT(address_space_create(&kernel_spaces, &bootstrap) == STATUS_OK);
    kprintf("tyrne: address-space-arena ready (%u / %u slots used; bootstrap AS root = 0x%lx)\n",
            object_count(&kernel_spaces.arena), MAX_ADDRESS_SPACES,
            kernel_spaces.spaces[bootstrap.index].root_pa.value);
}

static void bring_up_interrupts(void)
{
    uint64_t hz = hal_timer_hz();

    hal_irq_controller_init();
    hal_timer_disarm();
    KASSERT(hz != 0 && hz <= NS_PER_S);
    kprintf("tyrne: timer ready (%lu Hz, resolution %lu ns)\n", hz, NS_PER_S / hz);
}

static void bring_up_tasks(void)
{
    struct object_ref idle;

    core_init(&kernel_core);
    KASSERT(sched_create(&kernel_core.sched, idle_run, &kernel_core, &idle) == STATUS_OK);
    KASSERT(sched_set_idle(&kernel_core.sched, idle) == STATUS_OK);
    demo_create(&kernel_core, idle);
}

_Noreturn void bring_up(void)
{
    bring_up_memory();
    bring_up_interrupts();
    bring_up_tasks();
    kprintf("tyrne: starting cooperative scheduler\n");
    sched_run(&kernel_core.sched);
}
