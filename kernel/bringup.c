#include <tyrne/bringup.h>

#include <stddef.h>
#include <tyrne/address_space.h>
#include <tyrne/hal/board.h>
#include <tyrne/hal/irq.h>
#include <tyrne/hal/power.h>
#include <tyrne/hal/timer.h>
#include <tyrne/kernel.h>
#include <tyrne/panic.h>
#include <tyrne/pmm.h>
#include <tyrne/print.h>
#include <tyrne/syscall.h>
#include <tyrne/user.h>

#define NS_PER_S            1000000000U
#define PROGRAM_STACK_BYTES PAGE_SIZE

/* The kernel's state. The names are part of the debugger's interface. */
struct pmm kernel_pmm;
struct address_space_arena kernel_spaces;
struct core kernel_core;

static uint64_t start_ticks; /* of the counter, when the first C code ran */

static struct object_ref new_space(void)
{
    struct object_ref space;

    KASSERT(address_space_create(&kernel_spaces, &space) == STATUS_OK);
    return space;
}

static struct object_ref bring_up_memory(void)
{
    struct pa_range reserved[PMM_MAX_RESERVED];
    size_t ranges = hal_board_reserved(reserved, PMM_MAX_RESERVED);
    struct object_ref bootstrap;

    KASSERT(pmm_init(&kernel_pmm, hal_board_ram(), reserved, ranges) == STATUS_OK);
    kprintf("tyrne: pmm initialized (%u frames available; %u reserved)\n",
            pmm_free_frames(&kernel_pmm), pmm_reserved_frames(&kernel_pmm));

    address_space_arena_init(&kernel_spaces, &kernel_pmm);
    bootstrap = new_space();
    kprintf("tyrne: address-space-arena ready (%u / %u slots used; bootstrap AS root = 0x%lx)\n",
            object_count(&kernel_spaces.arena), MAX_ADDRESS_SPACES,
            kernel_spaces.spaces[bootstrap.index].root_pa.value);
    return bootstrap;
}

/* A capability for `space`, with no right, in the table of `task`. */
static cap_handle_t grant_space(struct object_ref task, struct object_ref space)
{
    struct capability cap = {.object = space, .kind = CAP_KIND_ADDRESS_SPACE};
    cap_handle_t handle;

    KASSERT(cap_insert_root(&kernel_core.caps, task.index, cap, &handle) == STATUS_OK);
    return handle;
}

struct object_ref bring_up_program(struct object_ref loader, struct user_image image)
{
    cap_handle_t space = grant_space(loader, new_space());
    struct object_ref task;

    KASSERT(user_task_create(&kernel_core, loader.index, space, image, PROGRAM_STACK_BYTES,
                             &task) == STATUS_OK);
    kprintf(
        "tyrne: image loaded (entry = 0x%lx; sp = 0x%lx; image bytes %lu; stack bytes %u; AS cap = "
        "idx %u)\n",
        kernel_core.windows[task.index].image_va.value,
        kernel_core.windows[task.index].stack_end_va.value, (uint64_t)image.size,
        PROGRAM_STACK_BYTES, cap_handle_index(space));
    return task;
}

/* The idle task; what the kernel does on its own account, it does with idle's capabilities. */
static struct object_ref bring_up_idle(struct object_ref bootstrap)
{
    struct object_ref idle;

    core_init(&kernel_core, &kernel_spaces);
    KASSERT(sched_create(&kernel_core.sched, idle_run, &kernel_core, &idle) == STATUS_OK);
    KASSERT(sched_set_idle(&kernel_core.sched, idle) == STATUS_OK);
    (void)grant_space(idle, bootstrap);
    return idle;
}

static void bring_up_interrupts(void)
{
    uint64_t hz = hal_timer_hz();

    hal_irq_controller_init();
    hal_timer_disarm();
    KASSERT(hz != 0 && hz <= NS_PER_S);
    kprintf("tyrne: timer ready (%lu Hz, resolution %lu ns)\n", hz, NS_PER_S / hz);
}

void bring_up_note_start(void)
{
    start_ticks = hal_timer_now();
}

_Noreturn void bring_up_end(void)
{
    uint64_t ticks = hal_timer_now() - start_ticks;
    uint64_t hz = hal_timer_hz();

    kprintf("tyrne: all tasks complete\n");
#ifdef TYRNE_DEBUG
    /* Beside the programs only the bootstrap space's root was ever taken. */
    kprintf("tyrne: %u frames available at the end\n", pmm_free_frames(&kernel_pmm));
#endif
    /* In two parts: ticks times 10^9 does not fit for long. */
    kprintf("tyrne: boot-to-end elapsed = %lu ns\n",
            ticks / hz * NS_PER_S + ticks % hz * NS_PER_S / hz);
    power_off();
}

_Noreturn void bring_up(void)
{
    struct object_ref idle = bring_up_idle(bring_up_memory());
    struct object_ref program = bring_up_program(idle, hal_board_program(0));

    bring_up_interrupts();
    demo_create(&kernel_core, idle, program);
    kprintf("tyrne: starting cooperative scheduler\n");
    sched_run(&kernel_core.sched);
}

void kernel_syscall(uint64_t *x)
{
    syscall_dispatch(&kernel_core, x);
}

_Noreturn void kernel_user_fault(void)
{
    task_exit(&kernel_core);
}

unsigned kernel_current_task(void)
{
    return kernel_core.sched.current;
}
