/* Unmapping and translating pages, and the tables that come and go with them. */
#include "world.h"

#include <string.h>

static void assert_unmap_refused(struct world *world, struct object_ref ref, uint64_t va,
                                 status_t expected)
{
    struct flush_token token;
    struct flush_token before;
    paddr_t frame = {0x1234};

    memset(&token, 0x77, sizeof(token));
    memcpy(&before, &token, sizeof(token));
    snapshot_take(world);
    assert_int_equal(address_space_unmap(&world->arena, ref, user_va(va), &frame, &token),
                     expected);
    assert_untouched(world);
    assert_int_equal(frame.value, 0x1234);
    assert_memory_equal(&token, &before, sizeof(token));
}

static void refuses_pages_that_are_not_mapped_at_any_level(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    assert_unmap_refused(world, ref, HOME, STATUS_NOT_MAPPED);
    map_now(world, ref, HOME, SOME_FRAME, USER_READ_ONLY);
    for (unsigned level = 0; level < MMU_LEVELS; level++) {
        assert_unmap_refused(world, ref, HOME + neighbour[level], STATUS_NOT_MAPPED);
        assert_no_page(world, ref, HOME + neighbour[level] + 7, STATUS_NOT_MAPPED);
    }
    unmap_now(world, ref, HOME);
    assert_unmap_refused(world, ref, HOME, STATUS_NOT_MAPPED);
}

static void refuses_addresses_off_a_page_or_past_the_half(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    map_now(world, ref, HOME, SOME_FRAME, USER_READ_ONLY);
    assert_unmap_refused(world, ref, HOME + 1, STATUS_BAD_ALIGNMENT);
    assert_unmap_refused(world, ref, HOME + PAGE_SIZE / 2, STATUS_BAD_ALIGNMENT);
    assert_unmap_refused(world, ref, USER_VA_END, STATUS_OUT_OF_RANGE);
    assert_unmap_refused(world, ref, HOME + USER_VA_END, STATUS_OUT_OF_RANGE);
    assert_unmap_refused(world, ref, UINT64_MAX, STATUS_BAD_ALIGNMENT);
}

static void translates_every_byte_and_changes_nothing(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    map_now(world, ref, HOME, SOME_FRAME, USER_READ_WRITE);
    map_now(world, ref, HOME + 2 * PAGE_SIZE, (paddr_t){PAGE_SIZE}, USER_READ_ONLY);
    snapshot_take(world);
    for (uint64_t byte = 0; byte < PAGE_SIZE; byte++) {
        assert_translates(world, ref, HOME + byte, SOME_FRAME.value + byte, USER_READ_WRITE);
        assert_translates(world, ref, HOME + 2 * PAGE_SIZE + byte, PAGE_SIZE + byte,
                          USER_READ_ONLY);
        assert_no_page(world, ref, HOME + PAGE_SIZE + byte, STATUS_NOT_MAPPED);
        assert_no_page(world, ref, HOME + byte + USER_VA_END, STATUS_OUT_OF_RANGE);
    }
    assert_untouched(world);
}

static void unmapping_tells_the_frame(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    struct flush_token token;
    paddr_t frame = {0};

    map_now(world, ref, HOME, SOME_FRAME, USER_READ_WRITE);
    map_now(world, ref, HOME + PAGE_SIZE, (paddr_t){PAGE_SIZE}, USER_READ_ONLY);
    assert_int_equal(address_space_unmap(&world->arena, ref, user_va(HOME), &frame, &token),
                     STATUS_OK);
    flush_va(&token);
    assert_int_equal(frame.value, SOME_FRAME.value);
    assert_no_page(world, ref, HOME, STATUS_NOT_MAPPED);
    assert_translates(world, ref, HOME + PAGE_SIZE, PAGE_SIZE, USER_READ_ONLY);
}

/* Each space has tables of its own. */
static void spaces_do_not_see_each_other(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    struct object_ref other = make_space(world);

    map_now(world, ref, HOME, SOME_FRAME, USER_READ_WRITE);
    assert_no_page(world, other, HOME, STATUS_NOT_MAPPED);
    map_now(world, other, HOME, (paddr_t){PAGE_SIZE}, USER_READ_ONLY);
    assert_translates(world, ref, HOME, SOME_FRAME.value, USER_READ_WRITE);
    unmap_now(world, ref, HOME);
    assert_translates(world, other, HOME, PAGE_SIZE, USER_READ_ONLY);
    assert_int_equal(world->arena.spaces[ref.index].tables, 0);
    assert_int_equal(world->arena.spaces[other.index].tables, 3);
}

/* With a neighbour that shares tables down to `level`, those stay; the ones below go. */
static void tables_go_when_they_are_empty_and_not_before(void **state)
{
    for (unsigned level = 0; level < MMU_LEVELS; level++) {
        struct world *world = world_start(WORLD_FRAMES);
        struct object_ref ref = make_space(world);
        const struct address_space *space = &world->arena.spaces[ref.index];
        uint64_t sibling = HOME + neighbour[level];
        struct flush_token token;

        (void)state;
        activate_now(world, ref);
        map_now(world, ref, HOME, SOME_FRAME, USER_READ_ONLY);
        map_now(world, ref, sibling, SOME_FRAME, USER_READ_WRITE);
        assert_int_equal(space->tables, 3 + 3 - level);
        if (level > 0) {
            assert_int_equal(live_of(world, ref, HOME, level - 1), 2);
        }

        token = unmap_kept(world, ref, HOME);
        assert_int_equal(token.frame_count, 3 - level);
        flush_va(&token);
        assert_int_equal(space->tables, 3);
        assert_int_equal(pmm_free_frames(&world->pmm), WORLD_FRAMES - 1 - 3);
        assert_translates(world, ref, sibling, SOME_FRAME.value, USER_READ_WRITE);
        if (level > 0) {
            assert_int_equal(live_of(world, ref, sibling, level - 1), 1);
        } else {
            assert_int_equal(*entry_of(world, ref, HOME, 0), 0);
        }

        token = unmap_kept(world, ref, sibling);
        assert_int_equal(token.frame_count, 3);
        flush_va(&token);
        assert_int_equal(space->tables, 0);
        assert_int_equal(space->pages, 0);
        assert_true(fake_ram_frame_is(space->root_pa, 0));
        assert_int_equal(pmm_free_frames(&world->pmm), WORLD_FRAMES - 1);
        (void)world_teardown(NULL);
    }
}

static void a_full_table_counts_512(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    const struct address_space *space = &world->arena.spaces[ref.index];
    const uint64_t base = HOME / neighbour[2] * neighbour[2];

    activate_now(world, ref);
    for (uint32_t i = 0; i < MMU_TABLE_ENTRIES; i++) {
        map_now(world, ref, base + (uint64_t)i * PAGE_SIZE, (paddr_t){(uint64_t)i << 20},
                USER_READ_ONLY);
        assert_int_equal(live_of(world, ref, base, 2), i + 1);
    }
    assert_int_equal(space->pages, MMU_TABLE_ENTRIES);
    assert_int_equal(space->tables, 3);
    for (uint32_t i = 0; i < MMU_TABLE_ENTRIES; i++) {
        assert_int_equal(live_of(world, ref, base, 2), MMU_TABLE_ENTRIES - i);
        assert_translates(world, ref, base + (uint64_t)i * PAGE_SIZE, (uint64_t)i << 20,
                          USER_READ_ONLY);
        unmap_now(world, ref, base + (uint64_t)i * PAGE_SIZE);
    }
    assert_int_equal(space->pages, 0);
    assert_int_equal(space->tables, 0);
    assert_int_equal(pmm_free_frames(&world->pmm), WORLD_FRAMES - 1);
}

/* The same at level 1: a table of 512 tables. */
static void a_full_table_of_tables_counts_512(void **state)
{
    struct world *world = world_start(1U + 2U + MMU_TABLE_ENTRIES);
    struct object_ref ref = make_space(world);
    const uint64_t base = HOME / neighbour[1] * neighbour[1];

    (void)state;
    for (uint32_t i = 0; i < MMU_TABLE_ENTRIES; i++) {
        map_now(world, ref, base + i * neighbour[2], SOME_FRAME, USER_READ_ONLY);
        assert_int_equal(live_of(world, ref, base, 1), i + 1);
    }
    assert_int_equal(pmm_free_frames(&world->pmm), 0);
    for (uint32_t i = MMU_TABLE_ENTRIES; i > 0; i--) {
        assert_int_equal(live_of(world, ref, base, 1), i);
        unmap_now(world, ref, base + (i - 1) * neighbour[2]);
    }
    assert_int_equal(pmm_free_frames(&world->pmm), 2U + MMU_TABLE_ENTRIES);
}

/* What is written for a page whose tables are missing, entry by entry. */
static void new_tables_are_filled_then_ordered_then_linked(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    const struct fake_mmu_event *events;
    const struct fake_mmu_event *event;

    map_now(world, ref, HOME + neighbour[0], SOME_FRAME, USER_READ_ONLY);
    activate_now(world, ref);
    fake_mmu_forget_events();
    map_now(world, ref, HOME, SOME_FRAME, USER_READ_ONLY);
    assert_int_equal(fake_mmu_events(&events), 6);
    for (unsigned i = 0; i < 3; i++) { /* the page, then each table's entry in the next */
        assert_int_equal(events[i].kind, FAKE_MMU_WRITE);
        assert_int_equal(events[i].address, (uintptr_t)entry_of(world, ref, HOME, 3 - i));
    }
    assert_int_equal(events[3].kind, FAKE_MMU_ORDER);
    event = &events[4];
    assert_int_equal(event->kind, FAKE_MMU_WRITE);
    assert_int_equal(event->address, (uintptr_t)entry_of(world, ref, HOME, 0));
    assert_int_equal(events[5].kind, FAKE_MMU_PUBLISH);
}

/* A page below tables that exist needs no order between its writes. */
static void a_page_in_a_table_needs_no_order(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    const struct fake_mmu_event *events;

    map_now(world, ref, HOME, SOME_FRAME, USER_READ_ONLY);
    activate_now(world, ref);
    fake_mmu_forget_events();
    map_now(world, ref, HOME + PAGE_SIZE, SOME_FRAME, USER_READ_ONLY);
    assert_int_equal(fake_mmu_events(&events), 3);
    assert_int_equal(events[0].address, (uintptr_t)entry_of(world, ref, HOME + PAGE_SIZE, 3));
    assert_int_equal(events[1].address, (uintptr_t)entry_of(world, ref, HOME, 2));
    assert_int_equal(events[2].kind, FAKE_MMU_PUBLISH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_pages_that_are_not_mapped_at_any_level, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(refuses_addresses_off_a_page_or_past_the_half, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(translates_every_byte_and_changes_nothing, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(unmapping_tells_the_frame, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(spaces_do_not_see_each_other, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(tables_go_when_they_are_empty_and_not_before, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_full_table_counts_512, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_full_table_of_tables_counts_512, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(new_tables_are_filled_then_ordered_then_linked, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_page_in_a_table_needs_no_order, world_setup,
                                        world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
