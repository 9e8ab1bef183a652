/* The kernel's invariants, by looking at everything. */
#include "run.h"

#include <tyrne/address.h>
#include <tyrne/panic.h>

extern const unsigned char __text_start[], __rodata_end[]; /* kernel.ld.S */

uint64_t checksum(void)
{
    uint64_t sum = 0;

    for (const unsigned char *byte = __text_start; byte != __rodata_end; byte++) {
        sum = sum * 31U + *byte;
    }
    return sum;
}

/* Tables of tasks that do not exist are empty. */
static void check_tables(const struct core *core)
{
    KASSERT(cap_check_invariants(&core->caps));
    for (unsigned table = 0; table < MAX_TASKS; table++) {
        for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
            KASSERT((core->sched.arena.live >> table & 1U) != 0 ||
                    core->caps.slots[table * CAP_TABLE_SLOTS + i].cap.kind == CAP_KIND_NONE);
        }
    }
}

/* State, receiver, message and parked capability of one endpoint agree. */
static void check_endpoint(const struct core *core, unsigned index)
{
    const struct endpoint *endpoint = &core->ipc.endpoints[index];
    bool live = (core->ipc.endpoint_arena.live >> index & 1U) != 0;
    bool has_message =
        endpoint->state == ENDPOINT_SEND_PENDING || endpoint->state == ENDPOINT_RECV_COMPLETE;
    bool has_receiver =
        endpoint->state == ENDPOINT_RECV_WAITING || endpoint->state == ENDPOINT_RECV_COMPLETE;

    KASSERT(endpoint->state <= ENDPOINT_RECV_COMPLETE);
    KASSERT(live || endpoint->state == ENDPOINT_IDLE);
    KASSERT(has_message || !cap_is_parked(&core->caps, index));
    KASSERT(has_receiver ? endpoint->receiver < MAX_TASKS : endpoint->receiver == TASK_NONE);
    if (endpoint->state == ENDPOINT_RECV_WAITING) {
        KASSERT(sched_waits_on(&core->sched, endpoint->receiver, index));
    } else if (endpoint->state == ENDPOINT_RECV_COMPLETE) {
        KASSERT(core->sched.tasks[endpoint->receiver].state == TASK_READY);
    }
}

/* One task of the scheduler; `queued` has a bit for each task in the queue. */
static void check_task(const struct core *core, unsigned index, uint32_t queued, unsigned self)
{
    const struct task *task = &core->sched.tasks[index];
    bool live = (core->sched.arena.live >> index & 1U) != 0;

    KASSERT(live == (task->state != TASK_FREE));
    KASSERT((task->state == TASK_READY) == ((queued >> index & 1U) != 0));
    KASSERT((task->state == TASK_RUNNING) == (index == self));
    KASSERT((task->state == TASK_IDLE) == (index == core->sched.idle));
    KASSERT((task->state == TASK_BLOCKED) == (task->waits_on != SCHED_NOTHING) || !live);
    if (task->state == TASK_BLOCKED) {
        KASSERT(task->waits_on < MAX_ENDPOINTS &&
                core->ipc.endpoints[task->waits_on].receiver == index);
    }
    KASSERT(!live || task->space.index == ADDRESS_SPACE_NONE ||
            object_live(&core->spaces->arena, task->space));
}

static void check_scheduler(const struct core *core, unsigned self)
{
    const struct sched *sched = &core->sched;
    uint32_t queued = 0;

    KASSERT(sched->current == self && sched->ready < MAX_TASKS && sched->head < MAX_TASKS);
    for (unsigned i = 0; i < sched->ready; i++) {
        unsigned index = sched->queue[(sched->head + i) % MAX_TASKS];

        KASSERT(index < MAX_TASKS && (queued >> index & 1U) == 0);
        queued |= 1U << index;
    }
    for (unsigned i = 0; i < MAX_TASKS; i++) {
        check_task(core, i, queued, self);
    }
}

/* Every frame is free, reserved, or taken by a space: none is lost, none counted twice. */
static void check_frames(const struct address_space_arena *spaces)
{
    const struct pmm *pmm = spaces->pmm;
    uint32_t taken = 0;
    uint32_t used = 0;

    for (unsigned i = 0; i < MAX_ADDRESS_SPACES; i++) {
        if ((spaces->arena.live >> i & 1U) != 0) {
            taken += 1U + spaces->spaces[i].tables + spaces->spaces[i].pages;
        }
    }
    for (unsigned word = 0; word < PMM_MAX_FRAMES / 64U; word++) {
        if (pmm->used[word] == UINT64_MAX) {
            used += 64U;
        } else {
            for (uint64_t bits = pmm->used[word]; bits != 0; bits &= bits - 1U) {
                used++;
            }
        }
    }
    KASSERT(pmm->free + pmm->reserved + taken == pmm->frames);
    KASSERT(used + pmm->free == PMM_MAX_FRAMES);
    /* A kernel task runs: the CPU walks no user space. */
    KASSERT(spaces->active == ADDRESS_SPACE_NONE && spaces->unspent == 0);
}

struct walked {
    uint32_t tables;
    uint32_t pages;
};

static struct mmu_entry entry_of(paddr_t table_pa, unsigned index, unsigned level)
{
    const uint64_t *table = (const uint64_t *)(uintptr_t)phys_to_kernel_va(table_pa).value;

    return hal_mmu_decode(hal_mmu_read_entry(&table[index]), level);
}

/* The frame at `pa` is one that the kernel may give to programs, and is given. */
static void check_frame(const struct pmm *pmm, paddr_t pa)
{
    uint64_t frame = (pa.value - pmm->start_pa.value) / PAGE_SIZE;

    KASSERT(frame < pmm->frames && (pmm->used[frame / 64U] >> (frame % 64U) & 1U) != 0);
    KASSERT(pmm_can_give_out(pmm, (struct pa_range){pa, {pa.value + PAGE_SIZE}}));
}

/* The tables below `root_pa`, depth first; each holds as many entries as its descriptor says. */
static struct walked walk(const struct pmm *pmm, paddr_t root_pa)
{
    paddr_t table_pa[MMU_LEVELS] = {root_pa};
    uint32_t left[MMU_LEVELS] = {0};
    unsigned next[MMU_LEVELS] = {0};
    struct walked walked = {0, 0};
    unsigned level = 0;

    for (;;) {
        struct mmu_entry entry;

        if (next[level] == MMU_TABLE_ENTRIES) {
            if (level == 0) {
                return walked;
            }
            KASSERT(left[level] == 0);
            level--;
            continue;
        }
        entry = entry_of(table_pa[level], next[level]++, level);
        if (entry.kind == MMU_ENTRY_EMPTY) {
            continue;
        }
        KASSERT(entry.kind == (level + 1U == MMU_LEVELS ? MMU_ENTRY_PAGE : MMU_ENTRY_TABLE));
        KASSERT(level == 0 || left[level]-- != 0);
        check_frame(pmm, entry.pa);
        if (entry.kind == MMU_ENTRY_PAGE) {
            walked.pages++;
        } else {
            walked.tables++;
            level++;
            table_pa[level] = entry.pa;
            left[level] = entry.live;
            next[level] = 0;
        }
    }
}

static void check_page_tables(const struct address_space_arena *spaces)
{
    for (unsigned i = 0; i < MAX_ADDRESS_SPACES; i++) {
        if ((spaces->arena.live >> i & 1U) != 0) {
            struct walked walked = walk(spaces->pmm, spaces->spaces[i].root_pa);

            KASSERT(walked.pages == spaces->spaces[i].pages);
            KASSERT(walked.tables == spaces->spaces[i].tables);
        }
    }
}

void check_everything(const struct run *run, bool deep)
{
    const struct core *core = run->core;

    check_tables(core);
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        check_endpoint(core, i);
    }
    check_scheduler(core, run->self);
    check_frames(core->spaces);
    if (deep) {
        check_page_tables(core->spaces);
    }
}
