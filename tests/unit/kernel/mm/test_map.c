/* Mapping a page: what is refused, and that a refusal leaves everything as it was. */
#include "world.h"

#include <string.h>

static const char untouched_token[sizeof(struct flush_token)];

static void assert_map_refused(struct world *world, struct object_ref ref, uint64_t va,
                               uint64_t frame_pa, unsigned rights, status_t expected)
{
    struct flush_token token;

    memset(&token, 0, sizeof(token));
    snapshot_take(world);
    assert_int_equal(address_space_map(&world->arena, ref, user_va(va), (paddr_t){frame_pa},
                                       (enum user_rights)rights, &token),
                     expected);
    assert_untouched(world);
    assert_memory_equal(&token, untouched_token, sizeof(token));
}

static void refuses_addresses_off_a_page(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    assert_map_refused(world, ref, HOME + 1, SOME_FRAME.value, USER_READ_ONLY,
                       STATUS_BAD_ALIGNMENT);
    assert_map_refused(world, ref, HOME + PAGE_SIZE - 8, SOME_FRAME.value, USER_READ_ONLY,
                       STATUS_BAD_ALIGNMENT);
    assert_map_refused(world, ref, HOME, SOME_FRAME.value + 1, USER_READ_ONLY,
                       STATUS_BAD_ALIGNMENT);
    assert_map_refused(world, ref, HOME, SOME_FRAME.value + 2048, USER_READ_ONLY,
                       STATUS_BAD_ALIGNMENT);
}

static void refuses_virtual_addresses_past_the_half(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    assert_map_refused(world, ref, USER_VA_END, SOME_FRAME.value, USER_READ_ONLY,
                       STATUS_OUT_OF_RANGE);
    assert_map_refused(world, ref, UINT64_MAX - PAGE_SIZE + 1, SOME_FRAME.value, USER_READ_ONLY,
                       STATUS_OUT_OF_RANGE);
}

static void maps_the_first_and_the_last_page(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    map_now(world, ref, 0, SOME_FRAME, USER_READ_WRITE);
    map_now(world, ref, USER_VA_END - PAGE_SIZE, (paddr_t){PAGE_SIZE}, USER_READ_EXECUTE);
    assert_translates(world, ref, 0, SOME_FRAME.value, USER_READ_WRITE);
    assert_translates(world, ref, USER_VA_END - 1, 2 * PAGE_SIZE - 1, USER_READ_EXECUTE);
    assert_no_page(world, ref, PAGE_SIZE, STATUS_NOT_MAPPED);
    assert_no_page(world, ref, USER_VA_END - PAGE_SIZE - 1, STATUS_NOT_MAPPED);
    assert_no_page(world, ref, USER_VA_END, STATUS_OUT_OF_RANGE);
    assert_no_page(world, ref, UINT64_MAX, STATUS_OUT_OF_RANGE);
}

static void refuses_frames_that_the_port_cannot_express(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    assert_map_refused(world, ref, HOME, 1ULL << 48, USER_READ_ONLY, STATUS_OUT_OF_RANGE);
    assert_map_refused(world, ref, HOME, UINT64_MAX - PAGE_SIZE + 1, USER_READ_ONLY,
                       STATUS_OUT_OF_RANGE);
    map_now(world, ref, HOME, (paddr_t){(1ULL << 48) - PAGE_SIZE}, USER_READ_ONLY);
    assert_translates(world, ref, HOME, (1ULL << 48) - PAGE_SIZE, USER_READ_ONLY);
}

static void refuses_rights_that_do_not_exist(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    assert_map_refused(world, ref, HOME, SOME_FRAME.value, USER_RIGHTS_COUNT, STATUS_BAD_RIGHTS);
    assert_map_refused(world, ref, HOME, SOME_FRAME.value, 0x7FFFFFFF, STATUS_BAD_RIGHTS);
}

static void every_right_is_kept(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    for (unsigned rights = 0; rights < USER_RIGHTS_COUNT; rights++) {
        uint64_t va = HOME + (uint64_t)rights * PAGE_SIZE;
        paddr_t frame = {(rights + 1ULL) << 30};

        map_now(world, ref, va, frame, (enum user_rights)rights);
    }
    for (unsigned rights = 0; rights < USER_RIGHTS_COUNT; rights++) {
        for (uint64_t byte = 0; byte < PAGE_SIZE; byte += 273) {
            assert_translates(world, ref, HOME + (uint64_t)rights * PAGE_SIZE + byte,
                              ((rights + 1ULL) << 30) + byte, (enum user_rights)rights);
        }
    }
}

static void a_mapped_page_is_not_mapped_again(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    map_now(world, ref, HOME, SOME_FRAME, USER_READ_ONLY);
    assert_map_refused(world, ref, HOME, SOME_FRAME.value, USER_READ_ONLY, STATUS_ALREADY_MAPPED);
    assert_map_refused(world, ref, HOME, PAGE_SIZE, USER_READ_WRITE, STATUS_ALREADY_MAPPED);
    unmap_now(world, ref, HOME);
    map_now(world, ref, HOME, (paddr_t){PAGE_SIZE}, USER_READ_WRITE);
    assert_translates(world, ref, HOME, PAGE_SIZE, USER_READ_WRITE);
}

static void a_block_at_any_level_is_left_alone(void **state)
{
    for (unsigned level = 0; level < MMU_LEVELS; level++) {
        struct world *world = world_start(WORLD_FRAMES);
        struct object_ref ref = make_space(world);
        struct flush_token token;
        paddr_t frame = {9};

        (void)state;
        map_now(world, ref, HOME + neighbour[level], SOME_FRAME, USER_READ_ONLY);
        *entry_of(world, ref, HOME, level) = FAKE_MMU_BLOCK_RAW;
        assert_map_refused(world, ref, HOME, SOME_FRAME.value, USER_READ_ONLY, STATUS_BLOCK_MAPPED);
        assert_int_equal(address_space_unmap(&world->arena, ref, user_va(HOME), &frame, &token),
                         STATUS_BLOCK_MAPPED);
        assert_int_equal(frame.value, 9);
        assert_no_page(world, ref, HOME + 123, STATUS_BLOCK_MAPPED);
        assert_untouched(world);
        assert_translates(world, ref, HOME + neighbour[level], SOME_FRAME.value, USER_READ_ONLY);
    }
}

static void a_mapping_takes_the_tables_that_are_missing(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    const struct address_space *space = &world->arena.spaces[ref.index];

    map_now(world, ref, HOME, SOME_FRAME, USER_READ_ONLY);
    assert_int_equal(space->tables, 3);
    for (unsigned level = MMU_LEVELS; level > 0; level--) {
        uint32_t tables = space->tables;
        uint64_t va = HOME + neighbour[level - 1];

        map_now(world, ref, va, SOME_FRAME, USER_READ_ONLY);
        assert_int_equal(space->tables - tables, MMU_LEVELS - level);
        assert_int_equal(space->pages, MMU_LEVELS - level + 2);
        assert_int_equal(pmm_free_frames(&world->pmm), WORLD_FRAMES - 1 - space->tables);
        if (level > 1) {
            assert_int_equal(live_of(world, ref, HOME, level - 2), 2);
        }
    }
    assert_int_equal(world->arena.unspent, 0);
}

/* Frames run out at each of the missing tables, below each table that exists. */
static void a_mapping_without_frames_rolls_back(void **state)
{
    (void)state;
    for (unsigned missing = 1; missing <= 3; missing++) {
        for (uint32_t left = 0; left < missing; left++) {
            bool sibling = missing < 3;
            struct world *world = world_start(1U + (sibling ? 3U : 0U) + left);
            struct object_ref ref = make_space(world);

            if (sibling) {
                map_now(world, ref, HOME + neighbour[3U - missing], SOME_FRAME, USER_READ_ONLY);
            }
            activate_now(world, ref);
            assert_int_equal(pmm_free_frames(&world->pmm), left);
            for (unsigned again = 0; again < 2; again++) {
                assert_map_refused(world, ref, HOME, SOME_FRAME.value, USER_READ_ONLY,
                                   STATUS_OUT_OF_FRAMES);
                assert_int_equal(pmm_free_frames(&world->pmm), left);
            }
            assert_no_page(world, ref, HOME, STATUS_NOT_MAPPED);
            (void)world_teardown(NULL);
        }
    }
}

/* A rollback may move the search, but loses no frame that lies behind it. */
static void a_rollback_across_words_loses_no_frame(void **state)
{
    struct world *world = world_start(130);
    struct object_ref ref = make_space(world);
    struct flush_token token;
    paddr_t frame;

    (void)state;
    while (pmm_free_frames(&world->pmm) > 0) {
        assert_int_equal(pmm_alloc(&world->pmm, &frame), STATUS_OK);
    }
    assert_int_equal(pmm_free(&world->pmm, fake_ram_frame(10)), STATUS_OK);
    assert_int_equal(pmm_free(&world->pmm, fake_ram_frame(129)), STATUS_OK);
    assert_int_equal(
        address_space_map(&world->arena, ref, user_va(HOME), SOME_FRAME, USER_READ_ONLY, &token),
        STATUS_OUT_OF_FRAMES);
    assert_int_equal(pmm_free_frames(&world->pmm), 2);
    assert_int_equal(pmm_alloc(&world->pmm, &frame), STATUS_OK);
    assert_int_equal(frame.value, fake_ram_frame(10).value);
    assert_int_equal(pmm_alloc(&world->pmm, &frame), STATUS_OK);
    assert_int_equal(frame.value, fake_ram_frame(129).value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_addresses_off_a_page, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(refuses_virtual_addresses_past_the_half, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(maps_the_first_and_the_last_page, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(refuses_frames_that_the_port_cannot_express, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(refuses_rights_that_do_not_exist, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(every_right_is_kept, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_mapped_page_is_not_mapped_again, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_block_at_any_level_is_left_alone, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_mapping_takes_the_tables_that_are_missing, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_mapping_without_frames_rolls_back, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_rollback_across_words_loses_no_frame, world_setup,
                                        world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
