#include "world.h"

#include <string.h>

static struct world the_world;

static struct {
    struct world world;
    uint8_t frames[WORLD_FRAMES][PAGE_SIZE];
} snapshot;

struct world *world_start(uint32_t frames)
{
    struct pa_range ram = {fake_ram_frame(0), fake_ram_frame(frames)};

    fake_ram_open();
    fake_ram_poison(ram);
    memset(&the_world, 0xEE, sizeof(the_world));
    assert_int_equal(pmm_init(&the_world.pmm, ram, NULL, 0), STATUS_OK);
    address_space_arena_init(&the_world.arena, &the_world.pmm);
    fake_mmu_reset(&the_world.pmm);
    return &the_world;
}

int world_setup(void **state)
{
    *state = world_start(WORLD_FRAMES);
    return 0;
}

int world_teardown(void **state)
{
    const char *rule = fake_mmu_violation();

    (void)state;
    if (rule != NULL) {
        fail_msg("%s", rule);
    }
    return 0;
}

struct object_ref make_space(struct world *world)
{
    struct object_ref ref;

    assert_int_equal(address_space_create(&world->arena, &ref), STATUS_OK);
    return ref;
}

void map_now(struct world *world, struct object_ref ref, uint64_t va, paddr_t frame_pa,
             enum user_rights rights)
{
    struct flush_token token;

    assert_int_equal(address_space_map(&world->arena, ref, user_va(va), frame_pa, rights, &token),
                     STATUS_OK);
    flush_va(&token);
}

void unmap_now(struct world *world, struct object_ref ref, uint64_t va)
{
    struct flush_token token = unmap_kept(world, ref, va);

    flush_va(&token);
}

void activate_now(struct world *world, struct object_ref ref)
{
    assert_int_equal(address_space_activate(&world->arena, ref), STATUS_OK);
}

struct flush_token map_kept(struct world *world, struct object_ref ref, uint64_t va)
{
    struct flush_token token;

    assert_int_equal(
        address_space_map(&world->arena, ref, user_va(va), SOME_FRAME, USER_READ_ONLY, &token),
        STATUS_OK);
    return token;
}

struct flush_token unmap_kept(struct world *world, struct object_ref ref, uint64_t va)
{
    struct flush_token token;
    paddr_t frame_pa;

    assert_int_equal(address_space_unmap(&world->arena, ref, user_va(va), &frame_pa, &token),
                     STATUS_OK);
    return token;
}

void assert_translates(const struct world *world, struct object_ref ref, uint64_t va, uint64_t pa,
                       enum user_rights rights)
{
    paddr_t found = {0};
    enum user_rights allowed = USER_RIGHTS_COUNT;

    assert_int_equal(address_space_translate(&world->arena, ref, user_va(va), &found, &allowed),
                     STATUS_OK);
    assert_int_equal(found.value, pa);
    assert_int_equal(allowed, rights);
}

void assert_no_page(const struct world *world, struct object_ref ref, uint64_t va,
                    status_t expected)
{
    paddr_t found = {0x5A5A};
    enum user_rights allowed = USER_RIGHTS_COUNT;

    assert_int_equal(address_space_translate(&world->arena, ref, user_va(va), &found, &allowed),
                     expected);
    assert_int_equal(found.value, 0x5A5A);
    assert_int_equal(allowed, USER_RIGHTS_COUNT);
}

uint64_t *entry_of(const struct world *world, struct object_ref ref, uint64_t va, unsigned level)
{
    uint64_t table_pa = world->arena.spaces[ref.index].root_pa.value;

    for (unsigned at = 0;; at++) {
        uint64_t *slot = &((uint64_t *)(uintptr_t)table_pa)[hal_mmu_index(at, user_va(va))];
        struct mmu_entry entry;

        if (at == level) {
            return slot;
        }
        entry = hal_mmu_decode(*slot, at);
        assert_int_equal(entry.kind, MMU_ENTRY_TABLE);
        table_pa = entry.pa.value;
    }
}

uint32_t live_of(const struct world *world, struct object_ref ref, uint64_t va, unsigned level)
{
    struct mmu_entry entry = hal_mmu_decode(*entry_of(world, ref, va, level), level);

    assert_int_equal(entry.kind, MMU_ENTRY_TABLE);
    return entry.live;
}

static bool in_use(const struct world *world, uint32_t frame)
{
    return (world->pmm.used[frame / 64U] >> frame % 64U & 1U) != 0;
}

void snapshot_take(const struct world *world)
{
    assert_true(world->pmm.frames <= WORLD_FRAMES);
    memcpy(&snapshot.world, world, sizeof(*world));
    memcpy(snapshot.frames, (const void *)(uintptr_t)FAKE_RAM_START_PA,
           (size_t)world->pmm.frames * PAGE_SIZE);
    fake_mmu_forget_events();
}

void assert_untouched(const struct world *world)
{
    const struct fake_mmu_event *events;

    assert_memory_equal(world, &snapshot.world, sizeof(*world));
    for (uint32_t frame = 0; frame < world->pmm.frames; frame++) {
        if (in_use(world, frame)) {
            assert_memory_equal((const void *)(uintptr_t)fake_ram_frame(frame).value,
                                snapshot.frames[frame], PAGE_SIZE);
        }
    }
    assert_int_equal(fake_mmu_events(&events), 0);
}
