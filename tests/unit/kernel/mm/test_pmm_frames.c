/* Frames go out and come back: each once, filled with zeros, never a reserved one. */
#include "cmocka_includes.h"

#include <string.h>
#include <tyrne/pmm.h>

#include "fake_ram.h"

/* Two full words of the bitmap and a part of a third. */
#define FRAMES 150U

static struct pmm pmm;
static bool given[FAKE_RAM_FRAMES];

static const struct pa_range reserved[] = {
    {{FAKE_RAM_START_PA}, {FAKE_RAM_START_PA + 3ULL * PAGE_SIZE}},
    {{FAKE_RAM_START_PA + 60ULL * PAGE_SIZE}, {FAKE_RAM_START_PA + 70ULL * PAGE_SIZE}},
    {{FAKE_RAM_START_PA + 149ULL * PAGE_SIZE}, {FAKE_RAM_START_PA + 150ULL * PAGE_SIZE}},
};

#define RESERVED 14U

static bool is_reserved(uint64_t pa)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (pa >= reserved[i].start_pa.value && pa < reserved[i].end_pa.value) {
            return true;
        }
    }
    return false;
}

static int setup(void **state)
{
    struct pa_range ram = {fake_ram_frame(0), fake_ram_frame(FRAMES)};

    (void)state;
    fake_ram_open();
    fake_ram_poison(ram);
    memset(given, 0, sizeof(given));
    assert_int_equal(pmm_init(&pmm, ram, reserved, 3), STATUS_OK);
    return 0;
}

static paddr_t alloc(void)
{
    paddr_t frame = {0};

    assert_int_equal(pmm_alloc(&pmm, &frame), STATUS_OK);
    return frame;
}

static void release(paddr_t frame)
{
    assert_int_equal(pmm_free(&pmm, frame), STATUS_OK);
}

static void assert_not_freed(uint64_t pa, status_t expected)
{
    struct pmm before;

    memcpy(&before, &pmm, sizeof(pmm));
    assert_int_equal(pmm_free(&pmm, (paddr_t){pa}), expected);
    assert_memory_equal(&pmm, &before, sizeof(pmm));
}

static void assert_exhausted(void)
{
    struct pmm before;
    paddr_t frame = {7};

    memcpy(&before, &pmm, sizeof(pmm));
    assert_int_equal(pmm_alloc(&pmm, &frame), STATUS_OUT_OF_FRAMES);
    assert_int_equal(frame.value, 7);
    assert_memory_equal(&pmm, &before, sizeof(pmm));
    assert_int_equal(pmm_free_frames(&pmm), 0);
}

static void gives_every_frame_once_and_zeroed(void **state)
{
    (void)state;
    for (uint32_t left = FRAMES - RESERVED; left > 0; left--) {
        paddr_t frame;

        assert_int_equal(pmm_free_frames(&pmm), left);
        frame = alloc();
        assert_true(frame.value >= FAKE_RAM_START_PA && frame.value % PAGE_SIZE == 0);
        assert_true(frame.value < FAKE_RAM_START_PA + (uint64_t)FRAMES * PAGE_SIZE);
        assert_false(is_reserved(frame.value));
        assert_false(given[(frame.value - FAKE_RAM_START_PA) / PAGE_SIZE]);
        given[(frame.value - FAKE_RAM_START_PA) / PAGE_SIZE] = true;
        assert_true(fake_ram_frame_is(frame, 0));
    }
    assert_exhausted();
    assert_int_equal(fake_ram_zeroed(), FRAMES - RESERVED);
    assert_int_equal(pmm_reserved_frames(&pmm), RESERVED);
}

static void touches_no_other_frame(void **state)
{
    paddr_t frame = alloc();

    (void)state;
    for (uint32_t i = 0; i < FRAMES; i++) {
        bool zero = fake_ram_frame(i).value == frame.value;

        assert_true(fake_ram_frame_is(fake_ram_frame(i), zero ? 0 : FAKE_RAM_POISON));
    }
}

static void a_frame_that_comes_back_is_zeroed_again(void **state)
{
    paddr_t frame = alloc();
    paddr_t again;

    (void)state;
    fake_ram_poison((struct pa_range){frame, {frame.value + PAGE_SIZE}});
    release(frame);
    assert_true(fake_ram_frame_is(frame, FAKE_RAM_POISON));
    again = alloc();
    assert_int_equal(again.value, frame.value);
    assert_true(fake_ram_frame_is(frame, 0));
}

static void the_whole_board_can_be_given_out(void **state)
{
    struct pa_range ram = {{FAKE_RAM_START_PA}, {FAKE_RAM_END_PA}};

    (void)state;
    assert_int_equal(pmm_init(&pmm, ram, NULL, 0), STATUS_OK);
    for (uint32_t i = 0; i < FAKE_RAM_FRAMES; i++) {
        uint64_t index = (alloc().value - FAKE_RAM_START_PA) / PAGE_SIZE;

        assert_true(index < FAKE_RAM_FRAMES);
        assert_false(given[index]);
        given[index] = true;
    }
    assert_exhausted();
    fake_ram_open(); /* gives the host its memory back */
}

static void refuses_frames_outside(void **state)
{
    const uint64_t end = FAKE_RAM_START_PA + (uint64_t)FRAMES * PAGE_SIZE;

    (void)state;
    (void)alloc();
    assert_not_freed(FAKE_RAM_START_PA - PAGE_SIZE, STATUS_OUT_OF_RANGE);
    assert_not_freed(0, STATUS_OUT_OF_RANGE);
    assert_not_freed(end, STATUS_OUT_OF_RANGE);
    assert_not_freed(end + PAGE_SIZE, STATUS_OUT_OF_RANGE);
    assert_not_freed(UINT64_MAX - PAGE_SIZE + 1, STATUS_OUT_OF_RANGE);
    /* Frame 3 again, if the frame number were cut to 32 bits. */
    assert_not_freed(FAKE_RAM_START_PA + 3ULL * PAGE_SIZE + (1ULL << 44), STATUS_OUT_OF_RANGE);
}

static void refuses_addresses_off_a_frame(void **state)
{
    paddr_t frame = alloc();

    (void)state;
    assert_not_freed(frame.value + 1, STATUS_BAD_ALIGNMENT);
    assert_not_freed(frame.value + 2048, STATUS_BAD_ALIGNMENT);
    assert_not_freed(frame.value + PAGE_SIZE - 1, STATUS_BAD_ALIGNMENT);
    /* Alignment is judged first. */
    assert_not_freed(1, STATUS_BAD_ALIGNMENT);
    assert_not_freed(UINT64_MAX, STATUS_BAD_ALIGNMENT);
}

static void refuses_reserved_frames(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < FRAMES; i++) {
        paddr_t frame = fake_ram_frame(i);

        if (is_reserved(frame.value)) {
            assert_not_freed(frame.value, STATUS_RESERVED_FRAME);
        } else {
            assert_not_freed(frame.value, STATUS_NOT_ALLOCATED);
        }
    }
}

static void refuses_a_frame_that_is_free_already(void **state)
{
    paddr_t first = alloc();
    paddr_t second = alloc();

    (void)state;
    release(first);
    assert_not_freed(first.value, STATUS_NOT_ALLOCATED);
    assert_not_freed(second.value + PAGE_SIZE, STATUS_NOT_ALLOCATED);
    release(second);
    assert_not_freed(second.value, STATUS_NOT_ALLOCATED);
    assert_int_equal(pmm_free_frames(&pmm), FRAMES - RESERVED);
}

/* The lowest free frame comes next, however far the search had gone. */
static void a_free_rewinds_the_search(void **state)
{
    (void)state;
    while (pmm_free_frames(&pmm) > 0) {
        (void)alloc();
    }
    for (uint32_t i = 148; i > 3; i -= 29) { /* 148, 119, 90, 61 (reserved), 32 */
        if (!is_reserved(fake_ram_frame(i).value)) {
            release(fake_ram_frame(i));
            assert_int_equal(pmm_free_frames(&pmm), 1);
            assert_int_equal(alloc().value, fake_ram_frame(i).value);
        }
    }
    release(fake_ram_frame(5));
    release(fake_ram_frame(130));
    assert_int_equal(alloc().value, fake_ram_frame(5).value);
    assert_int_equal(alloc().value, fake_ram_frame(130).value);
    assert_exhausted();
}

/* Words of the bitmap that are full are not looked at again. */
static void the_search_begins_at_the_last_frame_given_out(void **state)
{
    (void)state;
    while (pmm_free_frames(&pmm) > 0) {
        paddr_t frame = alloc();

        assert_int_equal(pmm.hint, (frame.value - FAKE_RAM_START_PA) / PAGE_SIZE / 64);
    }
    assert_true(pmm.hint > 0);
}

static void counts_are_exact(void **state)
{
    paddr_t frames[20];

    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        frames[i] = alloc();
        assert_int_equal(pmm_free_frames(&pmm), FRAMES - RESERVED - i - 1);
    }
    for (uint32_t i = 0; i < 20; i++) {
        release(frames[i]);
        assert_int_equal(pmm_free_frames(&pmm), FRAMES - RESERVED - 20 + i + 1);
    }
    assert_int_equal(pmm_reserved_frames(&pmm), RESERVED);
}

/* Taking and giving back changes nothing about what a range is. */
static void what_can_be_given_out_is_the_extent_without_the_reserved(void **state)
{
    const uint64_t start = FAKE_RAM_START_PA;
    const uint64_t end = FAKE_RAM_START_PA + FRAMES * PAGE_SIZE;

    (void)state;
    for (unsigned taken = 0; taken < 2; taken++) {
        for (uint64_t pa = start - 3 * PAGE_SIZE; pa < end + 3 * PAGE_SIZE; pa += PAGE_SIZE) {
            bool can = pa >= start && pa < end && !is_reserved(pa);
            bool next_can =
                pa + PAGE_SIZE >= start && pa + PAGE_SIZE < end && !is_reserved(pa + PAGE_SIZE);

            assert_int_equal(pmm_can_give_out(&pmm, (struct pa_range){{pa}, {pa + 1}}), can);
            assert_int_equal(
                pmm_can_give_out(&pmm, (struct pa_range){{pa + 4095}, {pa + PAGE_SIZE}}), can);
            assert_int_equal(pmm_can_give_out(&pmm, (struct pa_range){{pa}, {pa + 4097}}),
                             can || next_can);
            assert_int_equal(pmm_can_give_out(&pmm, (struct pa_range){{pa + 4095}, {pa + 4097}}),
                             can || next_can);
        }
        assert_true(pmm_can_give_out(&pmm, (struct pa_range){{0}, {2 * end}}));
        assert_false(pmm_can_give_out(&pmm, (struct pa_range){{0}, {start}}));
        assert_false(pmm_can_give_out(&pmm, (struct pa_range){{end}, {2 * end}}));
        while (pmm_free_frames(&pmm) > 0) {
            (void)alloc();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gives_every_frame_once_and_zeroed, setup),
        cmocka_unit_test_setup(touches_no_other_frame, setup),
        cmocka_unit_test_setup(a_frame_that_comes_back_is_zeroed_again, setup),
        cmocka_unit_test_setup(the_whole_board_can_be_given_out, setup),
        cmocka_unit_test_setup(refuses_frames_outside, setup),
        cmocka_unit_test_setup(refuses_addresses_off_a_frame, setup),
        cmocka_unit_test_setup(refuses_reserved_frames, setup),
        cmocka_unit_test_setup(refuses_a_frame_that_is_free_already, setup),
        cmocka_unit_test_setup(a_free_rewinds_the_search, setup),
        cmocka_unit_test_setup(the_search_begins_at_the_last_frame_given_out, setup),
        cmocka_unit_test_setup(counts_are_exact, setup),
        cmocka_unit_test_setup(what_can_be_given_out_is_the_extent_without_the_reserved, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
