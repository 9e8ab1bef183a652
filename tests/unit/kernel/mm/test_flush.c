/* Flush tokens and batches: what they ask of the MMU, when tables go back, what panics. */
#include "world.h"

/* A world with two spaces, the first active. */
struct two {
    struct world *world;
    struct object_ref active;
    struct object_ref idle;
};

static struct two two_spaces(void)
{
    struct two two = {.world = world_start(WORLD_FRAMES)};

    two.active = make_space(two.world);
    two.idle = make_space(two.world);
    activate_now(two.world, two.active);
    fake_mmu_forget_events();
    return two;
}

static void assert_asked(unsigned published, unsigned flushed_va, unsigned flushed_all)
{
    assert_int_equal(fake_mmu_count(FAKE_MMU_PUBLISH), published);
    assert_int_equal(fake_mmu_count(FAKE_MMU_FLUSH_VA), flushed_va);
    assert_int_equal(fake_mmu_count(FAKE_MMU_FLUSH_ALL), flushed_all);
    fake_mmu_forget_events();
}

static void a_new_page_is_published_where_the_cpu_walks(void **state)
{
    struct two two = two_spaces();
    struct flush_token token = map_kept(two.world, two.active, HOME);
    enum user_rights rights;
    paddr_t pa;

    (void)state;
    assert_int_equal(two.world->arena.unspent, 1);
    assert_false(fake_mmu_access(user_va(HOME), &pa, &rights));
    assert_false(fake_mmu_settled());
    flush_va(&token);
    assert_asked(1, 0, 0);
    assert_int_equal(two.world->arena.unspent, 0);
    assert_true(fake_mmu_access(user_va(HOME), &pa, &rights));
    assert_true(fake_mmu_settled());
}

static void a_page_that_is_gone_is_invalidated_where_the_cpu_walks(void **state)
{
    struct two two = two_spaces();
    const struct fake_mmu_event *events;
    struct flush_token token;

    (void)state;
    map_now(two.world, two.active, HOME, SOME_FRAME, USER_READ_ONLY);
    token = unmap_kept(two.world, two.active, HOME);
    assert_true(fake_mmu_may_be_stale(user_va(HOME)));
    fake_mmu_forget_events();
    flush_va(&token);
    assert_int_equal(fake_mmu_events(&events), 1);
    assert_int_equal(events[0].address, HOME);
    assert_asked(0, 1, 0);
    assert_false(fake_mmu_may_be_stale(user_va(HOME)));
    assert_true(fake_mmu_settled());
}

static void nothing_is_asked_where_the_cpu_does_not_walk(void **state)
{
    struct two two = two_spaces();

    (void)state;
    map_now(two.world, two.idle, HOME, SOME_FRAME, USER_READ_ONLY);
    unmap_now(two.world, two.idle, HOME);
    assert_asked(0, 0, 0);
    assert_true(fake_mmu_settled());
    assert_int_equal(two.world->arena.spaces[two.idle.index].tables, 0);
}

static void emptied_tables_go_back_when_the_token_is_spent(void **state)
{
    struct two two = two_spaces();
    const struct object_ref refs[] = {two.active, two.idle};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct flush_token token;
        uint32_t free;

        map_now(two.world, refs[i], HOME, SOME_FRAME, USER_READ_ONLY);
        free = pmm_free_frames(&two.world->pmm);
        token = unmap_kept(two.world, refs[i], HOME);
        assert_int_equal(token.frame_count, 3);
        assert_int_equal(pmm_free_frames(&two.world->pmm), free);
        assert_null(fake_mmu_violation());
        flush_va(&token);
        assert_int_equal(pmm_free_frames(&two.world->pmm), free + 3);
        assert_null(fake_mmu_violation());
    }
}

static void a_token_is_spent_once(void **state)
{
    struct two two = two_spaces();
    struct flush_batch batch;
    struct flush_token token = map_kept(two.world, two.active, HOME);

    (void)state;
    flush_batch_init(&batch, &two.world->arena);
    flush_va(&token);
    expect_assert_failure(flush_va(&token));
    expect_assert_failure(flush_ignore(&token, &batch));
    token = unmap_kept(two.world, two.active, HOME);
    flush_ignore(&token, &batch);
    expect_assert_failure(flush_va(&token));
    expect_assert_failure(flush_ignore(&token, &batch));
    flush_all(&batch);
    assert_int_equal(two.world->arena.unspent, 0);
    /* Nor does a batch that belongs nowhere take what belongs nowhere. */
    flush_batch_init(&batch, NULL);
    expect_assert_failure(flush_ignore(&token, &batch));
}

static void assert_held_up(struct two *two, bool held)
{
    struct address_space_arena *arena = &two->world->arena;

    if (held) {
        expect_assert_failure(
            assert_int_equal(address_space_activate(arena, two->active), STATUS_OK));
        expect_assert_failure(
            assert_int_equal(address_space_activate(arena, two->idle), STATUS_OK));
        expect_assert_failure(assert_int_equal(address_space_destroy(arena, two->idle), STATUS_OK));
        expect_assert_failure(address_space_deactivate(arena));
        assert_int_equal(arena->active, two->active.index);
        assert_true(object_live(&arena->arena, two->idle));
        assert_int_equal(fake_mmu_count(FAKE_MMU_INSTALL), 0);
        assert_int_equal(fake_mmu_count(FAKE_MMU_CLOSE), 0);
    } else {
        activate_now(two->world, two->idle);
        activate_now(two->world, two->active);
        fake_mmu_forget_events();
    }
}

static void an_unspent_token_stops_the_next_change_of_space(void **state)
{
    struct two two = two_spaces();
    struct flush_token first;
    struct flush_token second;

    (void)state;
    assert_held_up(&two, false);
    first = map_kept(two.world, two.active, HOME);
    second = map_kept(two.world, two.idle, HOME);
    assert_held_up(&two, true);
    flush_va(&first);
    assert_held_up(&two, true); /* a token of an idle space counts as well */
    flush_va(&second);
    assert_held_up(&two, false);
    first = unmap_kept(two.world, two.active, HOME);
    assert_held_up(&two, true);
    flush_va(&first);
    unmap_now(two.world, two.idle, HOME);
    assert_held_up(&two, false);
}

/* A batch with a duty is an unspent token, however many it took; an empty one is none. */
static void an_unspent_batch_stops_the_next_change_of_space(void **state)
{
    struct two two = two_spaces();
    struct flush_batch batches[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        flush_batch_init(&batches[i], &two.world->arena);
    }
    assert_held_up(&two, false);
    for (uint64_t i = 0; i < 6; i++) {
        struct flush_token token = map_kept(two.world, two.active, HOME + i * PAGE_SIZE);

        flush_ignore(&token, &batches[i % 2]);
        assert_int_equal(two.world->arena.unspent, i == 0 ? 1 : 2);
        assert_held_up(&two, true);
    }
    flush_all(&batches[0]);
    assert_held_up(&two, true);
    flush_all(&batches[1]);
    assert_held_up(&two, false);
    flush_all(&batches[1]);
    assert_held_up(&two, false);
    assert_int_equal(two.world->arena.unspent, 0);
}

static void a_batch_asks_once_for_the_most(void **state)
{
    struct two two = two_spaces();
    struct flush_batch batch;
    struct flush_token token;

    (void)state;
    flush_batch_init(&batch, &two.world->arena);
    flush_all(&batch);
    assert_asked(0, 0, 0);

    for (uint64_t i = 0; i < 5; i++) { /* new pages only, some where the CPU does not walk */
        token = map_kept(two.world, i % 2 == 0 ? two.active : two.idle, HOME + i * PAGE_SIZE);
        flush_ignore(&token, &batch);
    }
    assert_asked(0, 0, 0);
    flush_all(&batch);
    assert_asked(1, 0, 0);

    for (uint64_t i = 0; i < 5; i += 2) { /* pages gone, a new one between and after */
        token = map_kept(two.world, two.idle, HOME + (i + 16) * PAGE_SIZE);
        flush_ignore(&token, &batch);
        token = unmap_kept(two.world, two.active, HOME + i * PAGE_SIZE);
        flush_ignore(&token, &batch);
    }
    assert_asked(0, 0, 0);
    flush_all(&batch);
    assert_asked(0, 0, 1);
    assert_true(fake_mmu_settled());

    token = unmap_kept(two.world, two.idle, HOME + PAGE_SIZE);
    flush_ignore(&token, &batch);
    flush_all(&batch);
    assert_asked(0, 0, 0);
}

static void a_batch_keeps_the_tables_until_it_is_flushed(void **state)
{
    struct two two = two_spaces();
    struct flush_batch batch;
    uint32_t free;

    (void)state;
    flush_batch_init(&batch, &two.world->arena);
    for (uint64_t i = 0; i < 4; i++) {
        map_now(two.world, two.active, HOME + i * neighbour[0], SOME_FRAME, USER_READ_ONLY);
    }
    free = pmm_free_frames(&two.world->pmm);
    for (uint64_t i = 0; i < 4; i++) {
        struct flush_token token = unmap_kept(two.world, two.active, HOME + i * neighbour[0]);

        flush_ignore(&token, &batch);
        assert_int_equal(batch.frame_count, 3 * (i + 1));
        assert_int_equal(pmm_free_frames(&two.world->pmm), free);
        assert_null(fake_mmu_violation());
    }
    flush_all(&batch);
    assert_int_equal(pmm_free_frames(&two.world->pmm), free + 12);
    assert_int_equal(batch.frame_count, 0);
    assert_null(fake_mmu_violation());
}

/* Eight unmaps fill the batch to the last frame; the ninth makes room first. */
static void a_full_batch_is_flushed_first(void **state)
{
    struct two two = two_spaces();
    struct flush_batch batch;
    const uint64_t pages = FLUSH_BATCH_FRAMES / FLUSH_TOKEN_FRAMES + 1;
    uint32_t free;

    (void)state;
    flush_batch_init(&batch, &two.world->arena);
    for (uint64_t i = 0; i < pages; i++) {
        map_now(two.world, two.active, HOME + i * neighbour[0], SOME_FRAME, USER_READ_ONLY);
    }
    fake_mmu_forget_events();
    free = pmm_free_frames(&two.world->pmm);
    for (uint64_t i = 0; i < pages; i++) {
        struct flush_token token = unmap_kept(two.world, two.active, HOME + i * neighbour[0]);

        assert_int_equal(fake_mmu_count(FAKE_MMU_FLUSH_ALL), 0);
        assert_int_equal(pmm_free_frames(&two.world->pmm), free);
        flush_ignore(&token, &batch);
    }
    assert_asked(0, 0, 1);
    assert_int_equal(batch.frame_count, 3);
    assert_true(batch.dirty);
    assert_int_equal(two.world->arena.unspent, 1);
    assert_int_equal(pmm_free_frames(&two.world->pmm), free + FLUSH_BATCH_FRAMES);
    assert_null(fake_mmu_violation());
    flush_all(&batch);
    assert_asked(0, 0, 1);
    assert_int_equal(two.world->arena.unspent, 0);
    assert_int_equal(pmm_free_frames(&two.world->pmm), free + FLUSH_BATCH_FRAMES + 3);
}

static void a_batch_takes_tokens_of_its_own_arena(void **state)
{
    struct two two = two_spaces();
    struct address_space_arena other;
    struct flush_token token = map_kept(two.world, two.active, HOME);
    struct flush_batch batch;

    (void)state;
    address_space_arena_init(&other, &two.world->pmm);
    flush_batch_init(&batch, &other);
    expect_assert_failure(flush_ignore(&token, &batch));
    assert_false(batch.dirty);
    assert_int_equal(other.unspent, 0);
    assert_int_equal(two.world->arena.unspent, 1);
    flush_va(&token);
}

/*
 * While the TLB may hold what an unspent token took away, a page or table in its place would be
 * a change without break-before-make.
 */
static void a_new_page_waits_for_what_was_there_to_be_invalidated(void **state)
{
    (void)state;
    for (unsigned level = 0; level < MMU_LEVELS; level++) {
        struct two two = two_spaces();
        uint64_t near = HOME ^ (level == 3 ? 0 : neighbour[level + 1]);
        struct flush_token gone;
        struct flush_token made;

        map_now(two.world, two.active, HOME, SOME_FRAME, USER_READ_ONLY);
        map_now(two.world, two.active, HOME + neighbour[0], SOME_FRAME, USER_READ_ONLY);
        fake_mmu_forget_events();
        gone = unmap_kept(two.world, two.active, HOME);
        made = map_kept(two.world, two.idle, near);
        flush_va(&made);
        assert_asked(0, 0, 0); /* the CPU does not walk the idle space */
        made = map_kept(two.world, two.active, near);
        assert_asked(0, 0, 1);
        assert_null(fake_mmu_violation());
        flush_va(&made);
        assert_asked(1, 0, 0);
        /* That has emptied the TLB: the page after it waits for nothing. */
        map_now(two.world, two.active, near + 3 * neighbour[0], SOME_FRAME, USER_READ_ONLY);
        assert_asked(1, 0, 0);
        assert_null(fake_mmu_violation());
        flush_va(&gone);
        assert_asked(0, 1, 0);
        assert_true(fake_mmu_settled());
        /* Nothing is pending any more, so nothing is asked before the next page. */
        map_now(two.world, two.active, near + 2 * neighbour[0], SOME_FRAME, USER_READ_ONLY);
        assert_asked(1, 0, 0);
        (void)world_teardown(NULL);
    }
}

/* Once the tokens of what is gone are spent, a new page costs no invalidation. */
static void a_new_page_after_the_invalidation_is_only_published(void **state)
{
    struct two two = two_spaces();
    struct flush_batch batch;
    struct flush_token token;

    (void)state;
    flush_batch_init(&batch, &two.world->arena);
    map_now(two.world, two.active, HOME, SOME_FRAME, USER_READ_ONLY);
    unmap_now(two.world, two.active, HOME);
    map_now(two.world, two.active, HOME, SOME_FRAME, USER_READ_ONLY);
    assert_asked(2, 1, 0);
    token = unmap_kept(two.world, two.active, HOME);
    flush_ignore(&token, &batch);
    flush_all(&batch);
    map_now(two.world, two.active, HOME, SOME_FRAME, USER_READ_WRITE);
    assert_asked(1, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_new_page_is_published_where_the_cpu_walks, world_teardown),
        cmocka_unit_test_teardown(a_page_that_is_gone_is_invalidated_where_the_cpu_walks,
                                  world_teardown),
        cmocka_unit_test_teardown(nothing_is_asked_where_the_cpu_does_not_walk, world_teardown),
        cmocka_unit_test_teardown(emptied_tables_go_back_when_the_token_is_spent, world_teardown),
        cmocka_unit_test_teardown(a_token_is_spent_once, world_teardown),
        cmocka_unit_test_teardown(an_unspent_token_stops_the_next_change_of_space, world_teardown),
        cmocka_unit_test_teardown(an_unspent_batch_stops_the_next_change_of_space, world_teardown),
        cmocka_unit_test_teardown(a_batch_asks_once_for_the_most, world_teardown),
        cmocka_unit_test_teardown(a_batch_keeps_the_tables_until_it_is_flushed, world_teardown),
        cmocka_unit_test_teardown(a_full_batch_is_flushed_first, world_teardown),
        cmocka_unit_test_teardown(a_batch_takes_tokens_of_its_own_arena, world_teardown),
        cmocka_unit_test_teardown(a_new_page_after_the_invalidation_is_only_published,
                                  world_teardown),
        cmocka_unit_test_teardown(a_new_page_waits_for_what_was_there_to_be_invalidated,
                                  world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
