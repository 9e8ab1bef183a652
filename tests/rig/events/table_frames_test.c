/*
 * Tables come when something points to them and go when nothing does, also those that point to
 * themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above first. */
#include <cmocka.h>

#include <string.h>

#include "table_frames.h"

enum { PAGES = 32, WORDS = 512, BASE = 0x40000000, TABLE = 3 };

static uint64_t memory[PAGES][WORDS];
static struct table_frames frames;
static unsigned int came, gone;
static uint64_t last_came, last_gone;

static int read_memory(void *context, uint64_t pa, uint64_t *value)
{
    (void)context;
    uint64_t index = (pa - BASE) / 8;
    if (pa < BASE || index >= (uint64_t)PAGES * WORDS) {
        return 1;
    }
    *value = memory[index / WORDS][index % WORDS];
    return 0;
}

static void on_came(struct table_frame *frame)
{
    came++;
    last_came = frame->place.pa;
}

static void on_gone(struct table_frame *frame)
{
    gone++;
    last_gone = frame->place.pa;
}

static uint64_t page(unsigned int index)
{
    return BASE + (uint64_t)index * WORDS * 8;
}

static struct frame_place root(unsigned int index)
{
    return (struct frame_place){.pa = page(index), .size = 4096, .level = 0, .granule_bits = 12};
}

static int start(void **state)
{
    (void)state;
    memset(memory, 0, sizeof memory);
    came = gone = 0;
    frames = (struct table_frames){
        .hooks = {.read = read_memory, .came = on_came, .gone = on_gone},
    };
    return 0;
}

static int stop(void **state)
{
    (void)state;
    frames_free(&frames);
    return 0;
}

/* What the guest does: the word in memory, and the plugin's knowledge of it. */
static uint64_t store(unsigned int index, unsigned int word, uint64_t value)
{
    uint64_t pa = page(index) + (uint64_t)word * 8;
    struct table_frame *frame = frames_find(&frames, pa);
    memory[index][word] = value;
    assert_non_null(frame);
    return frames_store(&frames, frame, pa, value);
}

static bool live(unsigned int index)
{
    return frames_find(&frames, page(index) + 2048) != NULL;
}

static void a_tree_comes_and_goes(void **state)
{
    (void)state;
    struct frame_place place = root(0);
    memory[0][1] = page(1) | TABLE;
    memory[1][2] = page(2) | TABLE;
    memory[2][3] = page(3) | TABLE;
    memory[3][4] = page(4) | TABLE; /* a page at level 3, no table */
    memory[1][5] = page(2) | TABLE; /* the same table again */
    memory[1][6] = page(5) | 1;     /* a block */
    frames_add(&frames, &place);
    assert_int_equal(came, 4);
    assert_int_equal(frames.live, 4);
    assert_true(live(0) && live(1) && live(2) && live(3) && !live(4) && !live(5));
    assert_int_equal(frames_find(&frames, page(3))->place.level, 3);
    assert_int_equal(store(1, 2, 0), page(2) | TABLE);
    assert_int_equal(gone, 0); /* it is still in the other entry */
    store(1, 5, 0);
    assert_int_equal(gone, 2);
    assert_true(!live(2) && !live(3));
    store(1, 7, page(2) | TABLE);
    assert_int_equal(came, 6);
    frames_drop(&frames, &place);
    assert_int_equal(gone, 6);
    assert_int_equal(frames.live, 0);
    assert_null(frames_find(&frames, page(0)));
}

static void a_table_in_itself(void **state)
{
    (void)state;
    struct frame_place place = root(0);
    memory[0][511] = page(0) | TABLE;
    memory[0][0] = page(1) | TABLE;
    frames_add(&frames, &place);
    assert_int_equal(came, 2);
    const struct table_frame *frame = frames_find(&frames, page(0));
    assert_true(frame->refs[0] == 1 && frame->refs[1] == 1 && frame->refs[3] == 1);
    store(0, 5, page(2) | TABLE); /* seen at each level that the frame serves at */
    assert_int_equal(came, 3);
    store(0, 5, 0);
    assert_int_equal(gone, 1);
    store(0, 511, 0);
    assert_int_equal(frame->refs[1], 0);
    assert_true(live(0) && live(1));
    store(0, 511, page(0) | TABLE);
    frames_drop(&frames, &place);
    assert_int_equal(frames.live, 0);
}

static void shared_by_two_roots(void **state)
{
    (void)state;
    struct frame_place first = root(0);
    struct frame_place second = root(1);
    memory[0][0] = page(2) | TABLE;
    memory[1][0] = page(2) | TABLE;
    frames_add(&frames, &first);
    frames_add(&frames, &second);
    assert_int_equal(came, 3);
    frames_drop(&frames, &first);
    assert_int_equal(gone, 1);
    assert_int_equal(last_gone, page(0));
    assert_true(live(2));
    frames_drop(&frames, &second);
    assert_int_equal(frames.live, 0);
}

static void replaced_in_one_store(void **state)
{
    (void)state;
    struct frame_place place = root(0);
    memory[0][0] = page(1) | TABLE;
    memory[1][0] = page(3) | TABLE;
    memory[2][0] = page(3) | TABLE;
    frames_add(&frames, &place);
    store(0, 0, page(2) | TABLE);
    assert_true(live(2) && !live(1) && live(3)); /* what both point to stays */
    assert_int_equal(came, 4);
    assert_int_equal(gone, 1);
    store(0, 0, page(2) | TABLE | UINT64_C(1) << 59); /* other attributes, the same table */
    assert_int_equal(came, 4);
    assert_int_equal(gone, 1);
}

static void outside_of_memory(void **state)
{
    (void)state;
    struct frame_place place = root(0);
    memory[0][0] = 0x80000000 | TABLE;
    frames_add(&frames, &place);
    assert_int_equal(frames.live, 1);
    store(0, 0, 0);
    assert_int_equal(frames.live, 1);
    assert_false(frames.cut);
    frames_drop(&frames, &place);
    place.pa = 0x80000000;
    frames_add(&frames, &place);
    frames_drop(&frames, &place);
    assert_int_equal(frames.live, 0);
}

static void a_small_root_grows(void **state)
{
    (void)state;
    struct frame_place small = root(0);
    struct frame_place whole = root(0);
    small.size = 32;
    memory[0][0] = page(1) | TABLE;
    memory[0][100] = page(2) | TABLE;
    frames_add(&frames, &small);
    assert_int_equal(frames.live, 2);
    assert_null(frames_find(&frames, page(0) + 32));
    assert_non_null(frames_find(&frames, page(0) + 24));
    frames_add(&frames, &whole);
    assert_true(live(2));
    assert_int_equal(last_came, page(2));
    frames_drop(&frames, &small);
    assert_true(live(0) && live(1) && live(2));
    frames_drop(&frames, &whole);
    assert_int_equal(frames.live, 0);
}

static void of_64_kib(void **state)
{
    (void)state;
    struct frame_place place = {
        .pa = page(0), .size = 65536, .level = 2, .granule_bits = 16, .upper = 1};
    memory[15][511] = page(16) | TABLE;
    frames_add(&frames, &place);
    const struct table_frame *frame = frames_find(&frames, page(15) + 8);
    assert_int_equal(frame->place.pa, page(0));
    frame = frames_find(&frames, page(31));
    assert_int_equal(frame->place.pa, page(16));
    assert_int_equal(frame->place.upper, 1);
    assert_int_equal(frame->place.level, 3);
}

static void never_too_many(void **state)
{
    (void)state;
    /* Every entry of three levels leads on: more tables than are followed, all the same one. */
    struct frame_place place = root(0);
    for (unsigned int i = 0; i < WORDS; i++) {
        memory[0][i] = page(i % (PAGES - 1) + 1) | TABLE;
    }
    frames_add(&frames, &place);
    assert_int_equal(frames.live, PAGES);
    frames.live = FRAMES_MOST;
    place = root(0);
    place.pa += 4096 * PAGES;
    frames_add(&frames, &place); /* outside of memory: not even looked at */
    assert_false(frames.cut);
    frames.live = PAGES;
    frames_drop(&frames, &(struct frame_place){.pa = page(0), .level = 0});
    assert_int_equal(frames.live, 0);
    frames.live = FRAMES_MOST;
    place = root(0);
    frames_add(&frames, &place);
    assert_true(frames.cut);
    frames.live = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tree_comes_and_goes, start, stop),
        cmocka_unit_test_setup_teardown(a_table_in_itself, start, stop),
        cmocka_unit_test_setup_teardown(shared_by_two_roots, start, stop),
        cmocka_unit_test_setup_teardown(replaced_in_one_store, start, stop),
        cmocka_unit_test_setup_teardown(outside_of_memory, start, stop),
        cmocka_unit_test_setup_teardown(a_small_root_grows, start, stop),
        cmocka_unit_test_setup_teardown(of_64_kib, start, stop),
        cmocka_unit_test_setup_teardown(never_too_many, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
