/* Object arenas: references, their staleness, and the end of a generation. */
#include "cmocka_includes.h"

#include <string.h>
#include <tyrne/object.h>

static struct object_arena arena;
static struct object_arena snapshot;

static void start(unsigned capacity)
{
    memset(&arena, 0xA5, sizeof(arena));
    object_arena_init(&arena, capacity);
}

static void arena_snapshot(void)
{
    memcpy(&snapshot, &arena, sizeof(arena));
}

static void assert_arena_untouched(void)
{
    assert_memory_equal(&arena, &snapshot, sizeof(arena));
}

static struct object_ref alloc(void)
{
    struct object_ref ref = {UINT32_MAX, UINT32_MAX};

    assert_int_equal(object_alloc(&arena, &ref), STATUS_OK);
    assert_true(object_live(&arena, ref));
    return ref;
}

static void release(struct object_ref ref)
{
    assert_int_equal(object_free(&arena, ref), STATUS_OK);
    assert_false(object_live(&arena, ref));
}

static void assert_exhausted(void)
{
    struct object_ref ref = {77, 88};

    arena_snapshot();
    assert_int_equal(object_alloc(&arena, &ref), STATUS_OBJECTS_EXHAUSTED);
    assert_arena_untouched();
    assert_int_equal(ref.index, 77);
    assert_int_equal(ref.generation, 88);
}

static void assert_stale(uint32_t index, uint32_t generation)
{
    struct object_ref ref = {index, generation};

    arena_snapshot();
    assert_false(object_live(&arena, ref));
    assert_int_equal(object_free(&arena, ref), STATUS_STALE_OBJECT);
    assert_arena_untouched();
}

static void gives_out_its_capacity_from_the_lowest_index(void **state)
{
    (void)state;
    for (unsigned capacity = 1; capacity <= OBJECT_ARENA_MAX; capacity++) {
        start(capacity);
        for (unsigned i = 0; i < capacity; i++) {
            struct object_ref ref = alloc();

            assert_int_equal(ref.index, i);
            assert_int_equal(ref.generation, 0);
            assert_int_equal(object_count(&arena), i + 1);
        }
        assert_exhausted();
        assert_int_equal(object_count(&arena), capacity);
    }
}

static void lowest_free_index_is_used_again_in_a_new_generation(void **state)
{
    struct object_ref refs[4];
    struct object_ref again;

    (void)state;
    start(4);
    for (unsigned i = 0; i < 4; i++) {
        refs[i] = alloc();
    }
    release(refs[2]);
    release(refs[1]);
    assert_int_equal(object_count(&arena), 2);
    again = alloc();
    assert_int_equal(again.index, 1);
    assert_int_equal(again.generation, 1);
    again = alloc();
    assert_int_equal(again.index, 2);
    assert_int_equal(again.generation, 1);
    assert_true(object_live(&arena, refs[0]));
    assert_true(object_live(&arena, refs[3]));
    assert_stale(1, 0);
    assert_stale(2, 0);
    assert_exhausted();
}

static void reference_that_names_nothing_is_stale(void **state)
{
    struct object_ref ref;

    (void)state;
    start(3);
    ref = alloc();
    assert_stale(1, 0); /* free */
    assert_stale(3, 0); /* outside the capacity */
    assert_stale(OBJECT_ARENA_MAX - 1, 0);
    assert_stale(OBJECT_ARENA_MAX, 0);
    assert_stale(32, 0); /* a shift by 32 would come back to index 0 */
    assert_stale(UINT32_MAX, 0);
    for (unsigned bit = 0; bit < 32; bit++) {
        assert_stale(ref.index, 1U << bit);
    }
    release(ref);
    assert_stale(ref.index, ref.generation);     /* freed */
    assert_stale(ref.index, ref.generation + 1); /* not given out yet */
}

static void index_is_retired_where_its_generation_would_wrap(void **state)
{
    struct object_ref ref;

    (void)state;
    start(2);
    arena.generation[0] = UINT32_MAX - 2;
    release(alloc());
    ref = alloc();
    assert_int_equal(ref.index, 0);
    assert_int_equal(ref.generation, UINT32_MAX - 1);
    release(ref);
    assert_int_equal(alloc().index, 1);
    assert_exhausted();
    assert_stale(0, UINT32_MAX - 1);
    assert_stale(0, UINT32_MAX);
    assert_stale(0, 0);
    assert_int_equal(object_count(&arena), 1);
}

static void arena_of_retired_indexes_stays_exhausted(void **state)
{
    (void)state;
    start(OBJECT_ARENA_MAX);
    for (unsigned i = 0; i < OBJECT_ARENA_MAX; i++) {
        arena.generation[i] = UINT32_MAX - 1;
    }
    for (unsigned i = 0; i < OBJECT_ARENA_MAX; i++) {
        release(alloc());
    }
    assert_exhausted();
    assert_int_equal(object_count(&arena), 0);
}

static void reference_at_an_index_is_the_live_objects(void **state)
{
    struct object_ref ref;

    (void)state;
    start(OBJECT_ARENA_MAX);
    release(alloc());
    for (unsigned i = 0; i < OBJECT_ARENA_MAX; i++) {
        (void)alloc();
    }
    arena_snapshot();
    for (unsigned i = 0; i < OBJECT_ARENA_MAX; i++) {
        ref = object_at(&arena, i);
        assert_int_equal(ref.index, i);
        assert_int_equal(ref.generation, i == 0);
        assert_true(object_live(&arena, ref));
    }
    assert_arena_untouched();
}

static void reference_at_an_index_without_an_object_panics(void **state)
{
    (void)state;
    start(2);
    (void)alloc();
    arena_snapshot();
    expect_assert_failure((void)object_at(&arena, 1));
    expect_assert_failure((void)object_at(&arena, 2));
    expect_assert_failure((void)object_at(&arena, OBJECT_ARENA_MAX));
    expect_assert_failure((void)object_at(&arena, 32));
    expect_assert_failure((void)object_at(&arena, UINT32_MAX));
    assert_arena_untouched();
}

static void room_is_what_can_still_be_given_out(void **state)
{
    struct object_ref ref;

    (void)state;
    for (unsigned capacity = 1; capacity <= OBJECT_ARENA_MAX; capacity++) {
        start(capacity);
        for (unsigned i = 0; i < capacity; i++) {
            assert_int_equal(object_room(&arena), capacity - i);
            assert_int_equal(object_count(&arena), i);
            ref = alloc();
        }
        assert_int_equal(object_room(&arena), 0);
        release(ref);
        assert_int_equal(object_room(&arena), 1);
        /* A retired index is no room. */
        arena.generation[ref.index] = UINT32_MAX - 1;
        release(alloc());
        assert_int_equal(object_room(&arena), 0);
        assert_int_equal(object_count(&arena), capacity - 1);
    }
}

static void capacity_out_of_range_panics(void **state)
{
    (void)state;
    start(1);
    arena_snapshot();
    expect_assert_failure(object_arena_init(&arena, 0));
    expect_assert_failure(object_arena_init(&arena, OBJECT_ARENA_MAX + 1));
    expect_assert_failure(object_arena_init(&arena, UINT32_MAX));
    assert_arena_untouched();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_out_its_capacity_from_the_lowest_index),
        cmocka_unit_test(lowest_free_index_is_used_again_in_a_new_generation),
        cmocka_unit_test(reference_that_names_nothing_is_stale),
        cmocka_unit_test(index_is_retired_where_its_generation_would_wrap),
        cmocka_unit_test(arena_of_retired_indexes_stays_exhausted),
        cmocka_unit_test(reference_at_an_index_is_the_live_objects),
        cmocka_unit_test(reference_at_an_index_without_an_object_panics),
        cmocka_unit_test(room_is_what_can_still_be_given_out),
        cmocka_unit_test(capacity_out_of_range_panics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
