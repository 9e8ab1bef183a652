#include "machine.h"

#include <string.h>
#include <tyrne/hal/power.h>

struct machine machine;

static struct {
    struct machine machine;
    uint8_t frames[MACHINE_FREE][PAGE_SIZE];
    unsigned zeroed;
} snapshot;

static void (*scripts[MAX_TASKS])(void);

/* A user task's first instruction. */
static void run_script(const struct fake_user *start)
{
    uint64_t x[SYSCALL_REGISTERS] = {[8] = SYSCALL_TASK_EXIT};

    (void)start;
    if (scripts[machine.core.sched.current] != NULL) {
        scripts[machine.core.sched.current]();
    }
    syscall_dispatch(&machine.core, x);
}

static void run_kernel_script(void *unused)
{
    (void)unused;
    scripts[machine.core.sched.current]();
    task_exit(&machine.core);
}

static void run_idle(void *unused)
{
    (void)unused;
    power_off();
}

void machine_start(uint32_t frames)
{
    struct pa_range ram = {fake_ram_frame(0), {FREE_FRAME(0).value + frames * PAGE_SIZE}};
    struct pa_range images = {fake_ram_frame(0), FREE_FRAME(0)};
    struct object_ref idle;

    fake_run_reset();
    fake_console_clear();
    fake_ram_open();
    fake_ram_poison((struct pa_range){images.end_pa, ram.end_pa});
    memset(&machine, 0xEE, sizeof(machine));
    assert_int_equal(pmm_init(&machine.pmm, ram, &images, 1), STATUS_OK);
    address_space_arena_init(&machine.spaces, &machine.pmm);
    fake_mmu_reset(&machine.pmm);
    fake_user_program(run_script);
    core_init(&machine.core, &machine.spaces);
    assert_int_equal(sched_create(&machine.core.sched, run_idle, NULL, &idle), STATUS_OK);
    assert_int_equal(sched_set_idle(&machine.core.sched, idle), STATUS_OK);
    assert_int_equal(idle.index, KERNEL_TABLE);
}

int machine_setup(void **state)
{
    (void)state;
    machine_start(MACHINE_FREE);
    return 0;
}

int machine_teardown(void **state)
{
    const char *rule = fake_mmu_violation();

    (void)state;
    if (rule != NULL) {
        fail_msg("%s", rule);
    }
    assert_true(cap_check_invariants(&machine.core.caps));
    return 0;
}

unsigned char image_byte(uint64_t offset)
{
    return (unsigned char)(1U + (offset * 7U + offset / PAGE_SIZE * 11U) % 255U);
}

struct user_image machine_image(size_t size)
{
    unsigned char *bytes = (unsigned char *)(uintptr_t)fake_ram_frame(0).value;
    size_t pages = (size + PAGE_SIZE - 1U) / PAGE_SIZE;

    assert_true(pages <= IMAGE_FRAMES);
    memset(bytes, FAKE_RAM_POISON, pages * PAGE_SIZE);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = image_byte(i);
    }
    return (struct user_image){bytes, size};
}

struct user_image machine_image_with(size_t size, uint32_t code_end, uint32_t data_end,
                                     uint32_t bss_end)
{
    struct user_image image = machine_image(size);
    struct user_image_header header = {
        .code_end = code_end,
        .data_end = data_end,
        .bss_end = bss_end,
    };

    assert_true(size >= 8 + sizeof(header));
    memcpy(&header.magic, "TYRNEIMG", sizeof(header.magic));
    memcpy((unsigned char *)(uintptr_t)image.bytes + 8, &header, sizeof(header));
    return image;
}

cap_handle_t machine_grant(unsigned table, enum cap_kind kind, struct object_ref object,
                           unsigned rights)
{
    struct capability cap = {.object = object, .kind = (uint8_t)kind, .rights = (uint8_t)rights};
    cap_handle_t handle;

    assert_int_equal(cap_insert_root(&machine.core.caps, table, cap, &handle), STATUS_OK);
    return handle;
}

struct object_ref machine_space(cap_handle_t *handle)
{
    struct object_ref space;

    assert_int_equal(address_space_create(&machine.spaces, &space), STATUS_OK);
    *handle = machine_grant(KERNEL_TABLE, CAP_KIND_ADDRESS_SPACE, space, 0);
    return space;
}

unsigned machine_held(unsigned table)
{
    unsigned held = 0;

    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        held += machine.core.caps.slots[table * CAP_TABLE_SLOTS + i].cap.kind != CAP_KIND_NONE;
    }
    return held;
}

struct object_ref machine_load(struct user_image image, size_t stack_bytes,
                               struct user_layout *layout)
{
    cap_handle_t handle;
    struct object_ref space = machine_space(&handle);
    struct object_ref loaded = {99, 99};

    assert_int_equal(
        user_load(&machine.core, KERNEL_TABLE, handle, image, stack_bytes, &loaded, layout),
        STATUS_OK);
    assert_int_equal(loaded.index, space.index);
    assert_int_equal(loaded.generation, space.generation);
    return space;
}

void machine_script(struct object_ref task, void (*script)(void))
{
    scripts[task.index] = script;
}

struct object_ref machine_fresh_user(struct user_image image, void (*script)(void))
{
    cap_handle_t space;
    struct object_ref task;

    (void)machine_space(&space);
    assert_int_equal(user_task_create(&machine.core, KERNEL_TABLE, space, image, PAGE_SIZE, &task),
                     STATUS_OK);
    /* What is left in the kernel's table is of no use: the space goes with the task. */
    assert_int_equal(cap_drop(&machine.core.caps, KERNEL_TABLE, space), STATUS_OK);
    machine_script(task, script);
    return task;
}

struct object_ref machine_user(struct user_image image, void (*script)(void))
{
    struct object_ref task = machine_fresh_user(image, script);

    assert_int_equal(sched_start(&machine.core.sched, task), STATUS_OK);
    return task;
}

struct object_ref machine_kernel_task(void (*script)(void))
{
    struct object_ref task;

    assert_int_equal(sched_create(&machine.core.sched, run_kernel_script, NULL, &task), STATUS_OK);
    scripts[task.index] = script;
    assert_int_equal(sched_start(&machine.core.sched, task), STATUS_OK);
    return task;
}

static void enter_scheduler(void *sched)
{
    sched_run(sched);
}

enum run_end machine_run(void)
{
    return fake_run(enter_scheduler, &machine.core.sched);
}

void machine_run_to_idle(void)
{
    if (machine_run() != RUN_POWERED_OFF) {
        fail_msg("panic: %s", fake_panic_text());
    }
}

static bool in_use(unsigned frame)
{
    return (machine.pmm.used[(IMAGE_FRAMES + frame) / 64U] >> (frame % 64U) & 1U) != 0;
}

void snapshot_take(void)
{
    assert_true(machine.pmm.frames <= IMAGE_FRAMES + MACHINE_FREE);
    memcpy(&snapshot.machine, &machine, sizeof(machine));
    memcpy(snapshot.frames, (const void *)(uintptr_t)FREE_FRAME(0).value,
           (machine.pmm.frames - IMAGE_FRAMES) * (size_t)PAGE_SIZE);
    snapshot.zeroed = fake_ram_zeroed();
    fake_mmu_forget_events();
}

void assert_untouched(void)
{
    const struct fake_mmu_event *events;

    assert_memory_equal(&machine, &snapshot.machine, sizeof(machine));
    for (unsigned frame = 0; frame < machine.pmm.frames - IMAGE_FRAMES; frame++) {
        if (in_use(frame)) {
            assert_memory_equal((const void *)(uintptr_t)FREE_FRAME(frame).value,
                                snapshot.frames[frame], PAGE_SIZE);
        }
    }
    assert_int_equal(fake_ram_zeroed(), snapshot.zeroed);
    assert_int_equal(fake_mmu_events(&events), 0);
}

void assert_page(struct object_ref space, uint64_t va, enum user_rights rights)
{
    enum user_rights found = USER_RIGHTS_COUNT;
    paddr_t pa;

    assert_int_equal(address_space_translate(&machine.spaces, space, (user_va_t){va}, &pa, &found),
                     STATUS_OK);
    assert_int_equal(found, rights);
}

void assert_no_page(struct object_ref space, uint64_t va)
{
    enum user_rights found;
    paddr_t pa;

    assert_int_equal(address_space_translate(&machine.spaces, space, (user_va_t){va}, &pa, &found),
                     STATUS_NOT_MAPPED);
}
