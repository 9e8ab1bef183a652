/*
 * The kernel's interfaces called with what they refuse, and at the ends of what they hold: paths
 * that no program can reach, or only rarely. The objects are this image's own, beside those the
 * kernel runs on. Host tests judge the results in detail; here the compiled code of the guest runs.
 */
#include <tyrne/bringup.h>

#include <arch/descriptor.h>
#include <arch/esr.h>
#include <stdint.h>
#include <tyrne/address.h>
#include <tyrne/address_space.h>
#include <tyrne/hal/mmu.h>
#include <tyrne/irq.h>
#include <tyrne/limits.h>
#include <tyrne/panic.h>
#include <tyrne/pmm.h>
#include <tyrne/print.h>

#define WAYS 3U /* how a reference can be wrong */

extern struct pmm kernel_pmm;
void dcache_invalidate_poc(uint64_t start, uint64_t end);

static struct pmm pmm;
static struct address_space_arena spaces;
static struct core own;
static struct cap_space copy;
static unsigned char line[256] __attribute__((aligned(64)));

static void refused(status_t status)
{
    KASSERT(status != STATUS_OK);
}

static void held(status_t status)
{
    KASSERT(status == STATUS_OK);
}

/* `ref` made wrong: no such index, nothing there, another generation. */
static struct object_ref wrong(struct object_ref ref, unsigned way)
{
    struct object_ref made[WAYS] = {
        {OBJECT_ARENA_MAX, 0}, {OBJECT_ARENA_MAX - 1U, ref.generation}, {ref.index, 77}};

    return made[way];
}

static paddr_t above(paddr_t pa, uint64_t bytes)
{
    return (paddr_t){pa.value + bytes};
}

/* --- frames ----------------------------------------------------------------------------------- */

static void frames(paddr_t first)
{
    struct pa_range ram = {first, above(first, 3UL * PAGE_SIZE)};
    struct pa_range same[2] = {{first, above(first, PAGE_SIZE)}, {first, above(first, PAGE_SIZE)}};
    struct pa_range bad[] = {{above(first, 1), ram.end_pa},
                             {first, above(first, 1)},
                             {first, first},
                             {first, above(first, (PMM_MAX_FRAMES + 1UL) * PAGE_SIZE)}};
    struct pa_range outside[] = {{above(first, -(uint64_t)PAGE_SIZE), ram.end_pa},
                                 {first, above(ram.end_pa, PAGE_SIZE)},
                                 {above(first, 1), ram.end_pa}};
    paddr_t got;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused(pmm_init(&pmm, bad[i], NULL, 0));
    }
    for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        refused(pmm_init(&pmm, ram, &outside[i], 1));
    }
    refused(pmm_init(&pmm, ram, NULL, PMM_MAX_RESERVED + 1U));
    held(pmm_init(&pmm, ram, same, 2));
    KASSERT(pmm_reserved_frames(&pmm) == 1);
    refused(pmm_free(&pmm, above(first, 1)));
    refused(pmm_free(&pmm, ram.end_pa));
    refused(pmm_free(&pmm, first));
    refused(pmm_free(&pmm, above(first, PAGE_SIZE)));
    KASSERT(pmm_can_give_out(&pmm, ram));
    held(pmm_alloc(&pmm, &got));
    held(pmm_alloc(&pmm, &got));
    refused(pmm_alloc(&pmm, &got));
}

/* --- address spaces --------------------------------------------------------------------------- */

static void spaces_without_frames(paddr_t first)
{
    struct object_ref ref;
    struct flush_token token;

    for (uint64_t count = 1; count <= 4U; count++) {
        held(pmm_init(&pmm, (struct pa_range){first, above(first, count * PAGE_SIZE)}, NULL, 0));
        address_space_arena_init(&spaces, &pmm);
        held(address_space_create(&spaces, &ref));
        if (count < 4U) { /* a page needs three tables */
            refused(address_space_map(&spaces, ref, (user_va_t){0}, first, USER_READ_ONLY, &token));
        }
        if (count == 1U) {
            refused(address_space_create(&spaces, &ref));
        }
    }
}

static void bad_pages(struct object_ref ref, paddr_t pa)
{
    user_va_t va = {0x400000};
    struct flush_token token;
    enum user_rights rights;
    paddr_t got;

    for (unsigned way = 0; way < WAYS; way++) {
        struct object_ref bad = wrong(ref, way);

        refused(address_space_map(&spaces, bad, va, pa, USER_READ_ONLY, &token));
        refused(address_space_unmap(&spaces, bad, va, &got, &token));
        refused(address_space_translate(&spaces, bad, va, &got, &rights));
        refused(address_space_activate(&spaces, bad));
        refused(address_space_destroy(&spaces, bad));
        refused(address_space_reclaim(&spaces, bad));
    }
    refused(address_space_map(&spaces, ref, (user_va_t){1}, pa, USER_READ_ONLY, &token));
    refused(address_space_map(&spaces, ref, (user_va_t){USER_VA_END}, pa, USER_READ_ONLY, &token));
    refused(address_space_map(&spaces, ref, va, above(pa, 1), USER_READ_ONLY, &token));
    refused(address_space_map(&spaces, ref, va, pa, USER_RIGHTS_COUNT, &token));
    refused(address_space_map(&spaces, ref, va, (paddr_t){1ULL << 52}, USER_READ_ONLY, &token));
    refused(address_space_unmap(&spaces, ref, va, &got, &token));
}

/* Tokens that are ignored until a batch is full, of a space that is in the CPU and of one that is
 * not. */
static void batches(struct object_ref ref, paddr_t pa)
{
    struct flush_token token;
    struct flush_batch batch;
    enum user_rights rights;
    user_va_t va;
    paddr_t got;

    flush_batch_init(&batch, &spaces);
    flush_all(&batch);
    for (unsigned turn = 0; turn < 3U; turn++) {
        for (unsigned i = 0; i < 16U; i++) {
            va = (user_va_t){0x400000 + ((uint64_t)i << 39)};
            held(address_space_map(&spaces, ref, va, pa, USER_READ_ONLY, &token));
            flush_ignore(&token, &batch);
            refused(address_space_map(&spaces, ref, va, pa, USER_READ_ONLY, &token));
            held(address_space_translate(&spaces, ref, va, &got, &rights));
        }
        if (turn == 2U) {
            flush_all(&batch);
            refused(address_space_destroy(&spaces, ref));
        }
        for (unsigned i = 0; i < 16U; i++) {
            va = (user_va_t){0x400000 + ((uint64_t)i << 39)};
            held(address_space_unmap(&spaces, ref, va, &got, &token));
            if (i == 15U) {
                flush_va(&token);
            } else {
                flush_ignore(&token, &batch);
            }
            if (i == 1U) { /* while a token is not spent */
                held(address_space_map(&spaces, ref, va, pa, USER_READ_ONLY, &token));
                flush_va(&token);
                held(address_space_unmap(&spaces, ref, va, &got, &token));
                flush_ignore(&token, &batch);
            }
        }
        flush_all(&batch);
        held(address_space_activate(&spaces, ref));
        held(address_space_activate(&spaces, ref));
        refused(address_space_destroy(&spaces, ref));
        refused(address_space_reclaim(&spaces, ref));
    }
    address_space_deactivate(&spaces);
}

static void address_spaces(paddr_t pa)
{
    struct object_ref refs[MAX_ADDRESS_SPACES];
    struct object_ref ref;

    address_space_arena_init(&spaces, &kernel_pmm);
    for (unsigned i = 0; i < MAX_ADDRESS_SPACES; i++) {
        held(address_space_create(&spaces, &refs[i]));
    }
    refused(address_space_create(&spaces, &ref));
    for (unsigned i = 1; i < MAX_ADDRESS_SPACES; i++) {
        held(address_space_destroy(&spaces, refs[i]));
    }
    bad_pages(refs[0], pa);
    batches(refs[0], pa);
    held(address_space_destroy(&spaces, refs[0]));
}

/* --- descriptors ------------------------------------------------------------------------------ */

static void descriptors(void)
{
    static const uint64_t raws[] = {0,         1, 2, 3, 0x403, 0x401, 0xf03, 0xffffffffffffffff,
                                    0x40000003};
    const struct leaf_descriptor good = {.output_pa = 0x40000000, .sh = 3};
    struct leaf_descriptor bad[6] = {good, good, good, good, good, good};
    struct leaf_descriptor leaf;
    uint64_t raw = 0;

    bad[0].output_pa = 1;
    bad[1].output_pa = 1ULL << 52;
    bad[2].attr_index = 8;
    bad[3].ap = 4;
    bad[4].sh = 4;
    bad[5].sh = 1;
    for (unsigned level = 0; level < 4U; level++) {
        for (unsigned i = 0; i < sizeof(raws) / sizeof(raws[0]); i++) {
            (void)hal_mmu_decode(raws[i], level);
            if (leaf_descriptor_decode(raws[i], level, &leaf)) {
                raw++;
            }
        }
        for (unsigned i = 0; i < 6U; i++) {
            KASSERT(!leaf_descriptor_encode(&bad[i], level, &raw));
        }
        if (leaf_descriptor_encode(&good, level, &raw)) {
            KASSERT(level != 0);
        }
    }
    KASSERT(!table_descriptor_encode(1, &raw));
    KASSERT(!hal_mmu_encode_table((paddr_t){1}, 0, &raw));
    KASSERT(!hal_mmu_encode_table((paddr_t){0}, MMU_TABLE_ENTRIES + 1U, &raw));
    KASSERT(!hal_mmu_encode_page((paddr_t){1}, USER_READ_ONLY, &raw));
    KASSERT(!hal_mmu_encode_page((paddr_t){0}, USER_RIGHTS_COUNT, &raw));
}

/* --- capabilities ----------------------------------------------------------------------------- */

/* Every bit of the first tables turned over, one byte at a time: the check must see nearly all. */
static void broken_capabilities(void)
{
    unsigned char *bytes = (unsigned char *)&copy.slots[0];
    unsigned seen = 0;

    KASSERT(cap_check_invariants(&copy));
    for (unsigned i = 0; i < 24U * sizeof(copy.slots[0]); i++) {
        for (unsigned bit = 0; bit < 8U; bit += 7U) {
            bytes[i] = (unsigned char)(bytes[i] ^ 1U << bit);
            seen += cap_check_invariants(&copy) ? 0U : 1U;
            bytes[i] = (unsigned char)(bytes[i] ^ 1U << bit);
        }
    }
    KASSERT(seen != 0 && cap_check_invariants(&copy));
    copy.first_free[0] = (cap_ref_t){0};
    KASSERT(!cap_check_invariants(&copy));
}

static void capabilities(void)
{
    const struct capability all = {.kind = CAP_KIND_ENDPOINT, .rights = CAP_RIGHTS_ALL};
    struct capability none = {.kind = CAP_KIND_NONE};
    struct capability cap;
    cap_handle_t root;
    cap_handle_t weak;
    cap_handle_t child;
    status_t status = STATUS_OK;

    cap_space_init(&copy);
    refused(cap_insert_root(&copy, 0, none, &root));
    none.kind = CAP_KIND_COUNT;
    refused(cap_insert_root(&copy, 0, none, &root));
    held(cap_insert_root(&copy, 0, all, &root));
    held(cap_copy(&copy, 0, root, CAP_RIGHT_SEND | CAP_RIGHT_DUPLICATE, 0, &weak));
    refused(cap_copy(&copy, 0, weak, CAP_RIGHT_RECV, 0, &child));
    refused(cap_derive(&copy, 0, weak, CAP_RIGHT_SEND, 0, &child));
    refused(cap_revoke(&copy, 0, weak));
    refused(cap_revoke(&copy, 0, NULL_CAP_HANDLE));
    refused(cap_take(&copy, 0, NULL_CAP_HANDLE, &cap));
    refused(cap_park(&copy, 0, NULL_CAP_HANDLE, 0));
    refused(cap_copy(&copy, 0, NULL_CAP_HANDLE, 0, 0, &child));
    refused(cap_derive(&copy, 0, NULL_CAP_HANDLE, 0, 0, &child));
    held(cap_derive(&copy, 0, root, CAP_RIGHTS_ALL, 0, &child));
    held(cap_derive(&copy, 0, child, CAP_RIGHTS_ALL, 1, &child));
    held(cap_copy(&copy, 0, root, CAP_RIGHTS_ALL, 1, &weak));
    broken_capabilities();

    cap_space_init(&copy);
    held(cap_insert_root(&copy, 0, all, &root));
    for (unsigned i = 0; status == STATUS_OK; i++) {
        status = cap_derive(&copy, i % 2U, root, CAP_RIGHTS_ALL, (i + 1U) % 2U, &root);
    }
    for (status = STATUS_OK; status == STATUS_OK;) {
        status = cap_insert_root(&copy, 0, all, &root);
    }
    refused(cap_copy(&copy, 0, root, CAP_RIGHTS_ALL, 0, &child));
    refused(cap_derive(&copy, 0, root, CAP_RIGHTS_ALL, 0, &child));
    for (unsigned i = 0; i < CAP_SLOTS; i++) { /* the last generation is never given out again */
        copy.slots[i].generation = UINT32_MAX - 1U;
    }
    cap_table_clear(&copy, 0);
}

/* --- messages, tasks, the loader -------------------------------------------------------------- */

static void never_runs(void *argument)
{
    (void)argument;
}

static void messages(unsigned task)
{
    struct capability cap = {.rights = CAP_RIGHTS_ALL};
    struct message message = {.label = 1};
    struct send_result sent;
    struct recv_result got;
    struct received received;
    struct object_ref end;
    struct object_ref bell;
    struct object_ref ref;
    cap_handle_t handle;
    unsigned receiver;
    uint64_t bits;

    held(ipc_endpoint_create(&own.ipc, &end));
    held(ipc_notification_create(&own.ipc, &bell));
    for (unsigned way = 0; way < WAYS + 1U; way++) {
        cap.kind = CAP_KIND_ENDPOINT;
        cap.object = way < WAYS ? wrong(end, way) : end;
        held(cap_insert_root(&own.caps, task, cap, &handle));
        if (way < WAYS) {
            refused(ipc_send(&own.ipc, task, handle, &message, NULL_CAP_HANDLE, &sent));
            refused(ipc_recv(&own.ipc, task, handle, true, &got, &received));
            refused(ipc_endpoint_destroy(&own.ipc, cap.object, &receiver));
            refused(task_destroy_endpoint(&own, cap.object));
            refused(ipc_notification_destroy(&own.ipc, wrong(bell, way)));
        } else {
            refused(ipc_recv(&own.ipc, task, handle, false, &got, &received));
        }
        refused(ipc_notify(&own.ipc, task, handle, 1));
        cap.kind = CAP_KIND_NOTIFICATION;
        cap.object = way < WAYS ? wrong(bell, way) : bell;
        held(cap_insert_root(&own.caps, task, cap, &handle));
        if (way < WAYS) {
            refused(ipc_notify(&own.ipc, task, handle, 1));
            refused(ipc_poll_notification(&own.ipc, task, handle, &bits));
        } else {
            held(ipc_notify(&own.ipc, task, handle, 1));
            held(ipc_poll_notification(&own.ipc, task, handle, &bits));
        }
        cap_table_clear(&own.caps, task);
    }
    while (ipc_notification_create(&own.ipc, &ref) == STATUS_OK) {
    }
    while (ipc_endpoint_create(&own.ipc, &ref) == STATUS_OK) {
    }
}

static void tasks(void)
{
    struct object_ref task;
    struct object_ref other;

    sched_init(&own.sched, NULL);
    held(sched_create(&own.sched, never_runs, NULL, &task));
    for (unsigned way = 0; way < WAYS; way++) {
        refused(sched_start(&own.sched, wrong(task, way)));
        refused(sched_set_idle(&own.sched, wrong(task, way)));
        refused(sched_remove(&own.sched, wrong(task, way)));
        refused(task_destroy(&own, wrong(task, way)));
    }
    KASSERT(!sched_can_block(&own.sched));
    KASSERT(sched_task_count(&own.sched) == 1);
    held(sched_set_idle(&own.sched, task));
    refused(sched_start(&own.sched, task));
    refused(sched_remove(&own.sched, task));
    held(sched_create(&own.sched, never_runs, NULL, &other));
    refused(sched_set_idle(&own.sched, other));
    held(sched_start(&own.sched, other));
    refused(sched_start(&own.sched, other));
    KASSERT(!sched_waits_on(&own.sched, MAX_TASKS, 0));
    KASSERT(!sched_waits_on(&own.sched, other.index, 0));
    held(sched_remove(&own.sched, other));
    own.sched.arena.generation[other.index] = UINT32_MAX - 1U;
    while (sched_create(&own.sched, never_runs, NULL, &other) == STATUS_OK) {
    }
    messages(task.index);
}

static void loader(paddr_t pa)
{
    static unsigned char image[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    uint32_t *field = (uint32_t *)(void *)(image + USER_IMAGE_HEADER_OFFSET + 8U);
    static const uint32_t fields[][4] = {{1, 1, 1, 0},           {0, 0, 0, 0},
                                         {0x2000, 0x1000, 0, 0}, {0x1000, 0x9000, 0x9000, 0},
                                         {0x1000, 0x1800, 0, 0}, {0x1000, 0x1800, 0x2000, 1}};
    struct user_image good = {image, sizeof(image)};
    struct capability cap = {.kind = CAP_KIND_ADDRESS_SPACE, .rights = CAP_RIGHTS_ALL};
    struct object_ref space;
    struct object_ref ref;
    struct user_layout layout;
    struct flush_token token;
    cap_handle_t handle;

    own.spaces = &spaces;
    address_space_arena_init(&spaces, &kernel_pmm);
    held(address_space_create(&spaces, &space));
    refused(user_load(&own, 0, NULL_CAP_HANDLE, good, PAGE_SIZE, &ref, &layout));
    for (unsigned way = 0; way < WAYS; way++) {
        cap.object = wrong(space, way);
        held(cap_insert_root(&own.caps, 0, cap, &handle));
        refused(user_load(&own, 0, handle, good, PAGE_SIZE, &ref, &layout));
        refused(user_task_create(&own, 0, handle, good, PAGE_SIZE, &ref)); /* and no task is left */
    }
    cap.kind = CAP_KIND_ENDPOINT;
    held(cap_insert_root(&own.caps, 0, cap, &handle));
    refused(user_load(&own, 0, handle, good, PAGE_SIZE, &ref, &layout));
    cap.kind = CAP_KIND_ADDRESS_SPACE;
    cap.object = space;
    held(cap_insert_root(&own.caps, 0, cap, &handle));
    refused(user_load(&own, 0, handle, (struct user_image){image, 0}, PAGE_SIZE, &ref, &layout));
    refused(user_load(&own, 0, handle, good, 0, &ref, &layout));
    refused(user_load(&own, 0, handle, good, 1, &ref, &layout));
    refused(
        user_load(&own, 0, handle, (struct user_image){image + 1, 1}, PAGE_SIZE, &ref, &layout));
    refused(user_load(&own, 0, handle, good, USER_VA_END, &ref, &layout));
    refused(user_load(&own, 0, handle, good, USER_VA_END - PAGE_SIZE, &ref, &layout));
    refused(user_load(&own, 0, handle, good, 1UL << 32, &ref, &layout));
    refused(user_load(&own, 0, handle, (struct user_image){image, USER_VA_END}, PAGE_SIZE, &ref,
                      &layout));
    refused(user_load(
        &own, 0, handle,
        (struct user_image){(unsigned char *)(uintptr_t)phys_to_kernel_va(pa).value, PAGE_SIZE},
        PAGE_SIZE, &ref, &layout));
    *(uint64_t *)(void *)(image + USER_IMAGE_HEADER_OFFSET) = USER_IMAGE_MAGIC;
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (unsigned part = 0; part < 4U; part++) {
            field[part] = fields[i][part];
        }
        refused(user_load(&own, 0, handle, good, PAGE_SIZE, &ref, &layout));
    }
    held(address_space_map(&spaces, space, (user_va_t){0}, pa, USER_READ_ONLY, &token));
    flush_va(&token);
    refused(user_load(&own, 0, handle, good, PAGE_SIZE, &ref, &layout));
}

/* --- the rest --------------------------------------------------------------------------------- */

static void nothing(void *argument)
{
    (void)argument;
}

static void interrupts(void)
{
    refused(irq_register(IRQ_INTIDS, nothing, NULL));
    for (uint32_t intid = 40; irq_register(intid, nothing, NULL) == STATUS_OK; intid++) {
        refused(irq_register(intid, nothing, NULL));
    }
    irq_dispatch(40);
    irq_dispatch(1000);
    irq_dispatch(1000);
    irq_dispatch(IRQ_INTIDS);
}

static void words(void)
{
    static const char odd_format[] = "%y %1200x %";
    const char *volatile odd = odd_format; /* the compiler would refuse it */

    for (uint64_t class = 0; class < 64U; class ++) {
        esr_print(class << 26 | 0x3f, 0);
        esr_print(class << 26 | 1UL << 10, 0);
    }
    kprintf(odd, 1U);
    kprintf("%p %c %% %999u %40x %lu %x %s %c %p %u %lx %s\n", (void *)line, 'c', 1U, 2U, 3UL, 4U,
            "five", '6', (void *)line, 7U, 8UL, "nine");
    kprintf("%s %s %s %s %s %s %s %s %s %c %p %u %lu\n", "a", "b", "c", "d", "e", "f", "g", "h",
            "i", 'j', (void *)line, 10U, 11UL);
}

static void edges(void *argument)
{
    paddr_t first;
    paddr_t frame;

    held(pmm_alloc(&kernel_pmm, &first));
    for (unsigned i = 1; i < 4U; i++) {
        held(pmm_alloc(&kernel_pmm, &frame));
        KASSERT(frame.value == first.value + (uint64_t)i * PAGE_SIZE);
    }
    frames(first);
    spaces_without_frames(first);
    address_spaces(first);
    descriptors();
    capabilities();
    core_init(&own, NULL);
    tasks();
    loader(first);
    interrupts();
    words();
    dcache_invalidate_poc((uint64_t)(uintptr_t)line + 1U, (uint64_t)(uintptr_t)line + 255U);
    kprintf("edges: all refused\n");
    task_exit(argument);
}

void demo_create(struct core *core, struct object_ref idle, struct object_ref program)
{
    struct object_ref task;

    (void)idle;
    KASSERT(sched_start(&core->sched, program) == STATUS_OK);
    KASSERT(sched_create(&core->sched, edges, core, &task) == STATUS_OK);
    KASSERT(sched_start(&core->sched, task) == STATUS_OK);
}
