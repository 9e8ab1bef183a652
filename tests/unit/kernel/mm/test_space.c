/* Life of address spaces: creation, destruction, activation. */
#include "world.h"

static struct object_ref stale_ref(struct world *world)
{
    struct object_ref ref = make_space(world);

    assert_int_equal(address_space_destroy(&world->arena, ref), STATUS_OK);
    return ref;
}

static void an_arena_starts_empty(void **state)
{
    struct world *world = *state;

    assert_ptr_equal(world->arena.pmm, &world->pmm);
    assert_int_equal(object_count(&world->arena.arena), 0);
    assert_int_equal(world->arena.active, ADDRESS_SPACE_NONE);
    assert_int_equal(world->arena.unspent, 0);
    assert_int_equal(pmm_free_frames(&world->pmm), WORLD_FRAMES);
}

static void a_space_is_one_empty_root(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    const struct address_space *space = &world->arena.spaces[ref.index];

    assert_int_equal(pmm_free_frames(&world->pmm), WORLD_FRAMES - 1);
    assert_true(fake_ram_frame_is(space->root_pa, 0));
    assert_int_equal(space->pages, 0);
    assert_int_equal(space->tables, 0);
    assert_no_page(world, ref, 0, STATUS_NOT_MAPPED);
    assert_no_page(world, ref, USER_VA_END - 1, STATUS_NOT_MAPPED);
}

static void creates_no_more_than_the_arena_holds(void **state)
{
    struct world *world = *state;
    struct object_ref ref[MAX_ADDRESS_SPACES];
    struct object_ref none = {77, 78};

    for (unsigned i = 0; i < MAX_ADDRESS_SPACES; i++) {
        ref[i] = make_space(world);
        for (unsigned j = 0; j < i; j++) {
            assert_int_not_equal(ref[i].index, ref[j].index);
        }
    }
    snapshot_take(world);
    assert_int_equal(address_space_create(&world->arena, &none), STATUS_OBJECTS_EXHAUSTED);
    assert_int_equal(none.index, 77);
    assert_untouched(world);
    assert_int_equal(address_space_destroy(&world->arena, ref[5]), STATUS_OK);
    assert_int_equal(make_space(world).index, ref[5].index);
}

static void a_creation_without_frames_keeps_nothing(void **state)
{
    struct world *world = world_start(1);
    struct object_ref ref = make_space(world);
    struct object_ref none = {77, 78};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(address_space_create(&world->arena, &none), STATUS_OUT_OF_FRAMES);
    }
    assert_int_equal(none.index, 77);
    assert_int_equal(none.generation, 78);
    assert_int_equal(object_count(&world->arena.arena), 1);
    assert_true(object_live(&world->arena.arena, ref));
    /* The place can be had once there is a frame. */
    assert_int_equal(address_space_destroy(&world->arena, ref), STATUS_OK);
    (void)make_space(world);
    assert_int_equal(pmm_free_frames(&world->pmm), 0);
}

static void destruction_gives_the_root_back(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    struct object_ref other = make_space(world);

    assert_int_equal(address_space_destroy(&world->arena, ref), STATUS_OK);
    assert_int_equal(pmm_free_frames(&world->pmm), WORLD_FRAMES - 1);
    assert_int_equal(object_count(&world->arena.arena), 1);
    assert_no_page(world, ref, 0, STATUS_STALE_OBJECT);
    assert_no_page(world, other, 0, STATUS_NOT_MAPPED);
    assert_int_equal(address_space_destroy(&world->arena, ref), STATUS_STALE_OBJECT);
}

/* The next space at the same index is another one, and finds nothing of the old. */
static void a_stale_reference_reaches_nothing(void **state)
{
    struct world *world = *state;
    struct object_ref old = stale_ref(world);
    struct object_ref ref = make_space(world);
    const struct object_ref outside = {OBJECT_ARENA_MAX, 0};
    const struct object_ref bad[] = {old, outside, {UINT32_MAX, 0}, {1, 0}};

    assert_int_equal(ref.index, old.index);
    map_now(world, ref, HOME, SOME_FRAME, USER_READ_ONLY);
    activate_now(world, ref);
    snapshot_take(world);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct flush_token token;
        paddr_t frame;

        assert_int_equal(address_space_destroy(&world->arena, bad[i]), STATUS_STALE_OBJECT);
        assert_int_equal(address_space_activate(&world->arena, bad[i]), STATUS_STALE_OBJECT);
        assert_int_equal(address_space_map(&world->arena, bad[i], user_va(0), SOME_FRAME,
                                           USER_READ_ONLY, &token),
                         STATUS_STALE_OBJECT);
        assert_int_equal(address_space_unmap(&world->arena, bad[i], user_va(HOME), &frame, &token),
                         STATUS_STALE_OBJECT);
        assert_no_page(world, bad[i], HOME, STATUS_STALE_OBJECT);
    }
    assert_untouched(world);
}

static void a_space_in_use_is_not_destroyed(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    map_now(world, ref, HOME, SOME_FRAME, USER_READ_ONLY);
    snapshot_take(world);
    assert_int_equal(address_space_destroy(&world->arena, ref), STATUS_IN_USE);
    assert_untouched(world);

    unmap_now(world, ref, HOME);
    activate_now(world, ref);
    snapshot_take(world);
    assert_int_equal(address_space_destroy(&world->arena, ref), STATUS_IN_USE);
    assert_untouched(world);

    address_space_deactivate(&world->arena);
    assert_int_equal(address_space_destroy(&world->arena, ref), STATUS_OK);
    assert_int_equal(pmm_free_frames(&world->pmm), WORLD_FRAMES);
}

static void activation_installs_the_root_once(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    struct object_ref other = make_space(world);

    activate_now(world, ref);
    activate_now(world, ref);
    activate_now(world, ref);
    assert_int_equal(fake_mmu_count(FAKE_MMU_INSTALL), 1);
    assert_int_equal(fake_mmu_root(), world->arena.spaces[ref.index].root_pa.value);
    activate_now(world, other);
    assert_int_equal(fake_mmu_count(FAKE_MMU_INSTALL), 2);
    assert_int_equal(fake_mmu_root(), world->arena.spaces[other.index].root_pa.value);
    activate_now(world, ref);
    assert_int_equal(fake_mmu_count(FAKE_MMU_INSTALL), 3);
    assert_int_equal(fake_mmu_count(FAKE_MMU_CLOSE), 0);
}

static void a_space_that_was_filled_before_is_seen_when_activated(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    enum user_rights rights;
    paddr_t pa;

    map_now(world, ref, HOME, SOME_FRAME, USER_READ_EXECUTE);
    assert_false(fake_mmu_access(user_va(HOME), &pa, &rights));
    activate_now(world, ref);
    assert_true(fake_mmu_access(user_va(HOME + 5), &pa, &rights));
    assert_int_equal(pa.value, SOME_FRAME.value + 5);
    assert_int_equal(rights, USER_READ_EXECUTE);
}

static void deactivation_closes_the_half_once(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);

    address_space_deactivate(&world->arena);
    assert_int_equal(fake_mmu_count(FAKE_MMU_CLOSE), 0);
    activate_now(world, ref);
    address_space_deactivate(&world->arena);
    address_space_deactivate(&world->arena);
    assert_int_equal(fake_mmu_count(FAKE_MMU_CLOSE), 1);
    assert_int_equal(fake_mmu_root(), 0);
    assert_int_equal(world->arena.active, ADDRESS_SPACE_NONE);
    activate_now(world, ref);
    assert_int_equal(fake_mmu_count(FAKE_MMU_INSTALL), 2);
}

/* What only a bug of the kernel can bring about stops it. */
static void broken_books_stop_the_kernel(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    struct address_space *space = &world->arena.spaces[ref.index];

    space->tables = 1;
    expect_assert_failure(assert_int_equal(address_space_destroy(&world->arena, ref), STATUS_OK));
    space->tables = 0;
    assert_int_equal(pmm_free(&world->pmm, space->root_pa), STATUS_OK);
    expect_assert_failure(assert_int_equal(address_space_destroy(&world->arena, ref), STATUS_OK));
    assert_true(object_live(&world->arena.arena, ref));
}

static void an_emptied_table_that_is_free_already_stops_the_kernel(void **state)
{
    struct world *world = *state;
    struct object_ref ref = make_space(world);
    struct flush_token token;

    map_now(world, ref, HOME, SOME_FRAME, USER_READ_ONLY);
    token = unmap_kept(world, ref, HOME);
    assert_int_equal(pmm_free(&world->pmm, token.frames[1]), STATUS_OK);
    expect_assert_failure(flush_va(&token));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_arena_starts_empty, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_space_is_one_empty_root, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(creates_no_more_than_the_arena_holds, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_creation_without_frames_keeps_nothing, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(destruction_gives_the_root_back, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_stale_reference_reaches_nothing, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_space_in_use_is_not_destroyed, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(activation_installs_the_root_once, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_space_that_was_filled_before_is_seen_when_activated,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(deactivation_closes_the_half_once, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(broken_books_stop_the_kernel, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_emptied_table_that_is_free_already_stops_the_kernel,
                                        world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
