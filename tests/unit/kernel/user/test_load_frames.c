/*
 * The loader's budget is exact: with one frame less than what the pages and the tables need it
 * refuses, with as many it succeeds and none is left.
 */
#include "machine.h"

/* A program's extent, in bytes. A header is made if there is data. */
struct extent {
    size_t size;
    uint32_t code_end;
    uint32_t data_end;
    uint32_t bss_end; /* 0: a raw image */
    size_t stack;
};

static struct user_image image_of(const struct extent *extent)
{
    return extent->bss_end == 0 ? machine_image(extent->size)
                                : machine_image_with(extent->size, extent->code_end,
                                                     extent->data_end, extent->bss_end);
}

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1U) / PAGE_SIZE;
}

/* Frames below the root, table by table: a table is there if a page is in what it covers. */
static uint64_t frames_of(const struct extent *extent)
{
    uint64_t image_pages = pages_of(extent->bss_end == 0 ? extent->size : extent->bss_end);
    uint64_t image_end = ABI_IMAGE_BASE + image_pages * PAGE_SIZE;
    uint64_t stack_start = image_end + PAGE_SIZE;
    uint64_t stack_end = stack_start + extent->stack;
    uint64_t frames = image_pages + extent->stack / PAGE_SIZE;

    for (uint64_t covers = 2ULL << 20; covers < 1ULL << 48; covers *= 512) {
        for (uint64_t at = 0; at < stack_end; at += covers) {
            bool image_there = at < image_end && at + covers > ABI_IMAGE_BASE;
            bool stack_there = at < stack_end && at + covers > stack_start;

            frames += image_there || stack_there;
        }
    }
    return frames;
}

static status_t load(cap_handle_t space, struct user_image image, size_t stack)
{
    struct object_ref loaded;
    struct user_layout layout;

    return user_load(&machine.core, KERNEL_TABLE, space, image, stack, &loaded, &layout);
}

#define MIB (1024U * 1024U)

static const struct extent extents[] = {
    {1, 0, 0, 0, PAGE_SIZE},
    {PAGE_SIZE, 0, 0, 0, PAGE_SIZE},
    {PAGE_SIZE + 1, 0, 0, 0, PAGE_SIZE},
    {5 * PAGE_SIZE, 0, 0, 0, 7 * PAGE_SIZE},
    {PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, 2 * PAGE_SIZE, PAGE_SIZE},
    {6000, PAGE_SIZE, 6000, 6000, PAGE_SIZE},
    {6000, PAGE_SIZE, 6000, 3 * PAGE_SIZE + 1, PAGE_SIZE},
    /* The stack's end, its start, the guard, the image's end at the 2 MiB boundary. */
    {509 * PAGE_SIZE, 0, 0, 0, 2 * PAGE_SIZE},
    {510 * PAGE_SIZE, 0, 0, 0, PAGE_SIZE},
    {510 * PAGE_SIZE, 0, 0, 0, 2 * PAGE_SIZE},
    {511 * PAGE_SIZE, 0, 0, 0, PAGE_SIZE},
    {512 * PAGE_SIZE, 0, 0, 0, PAGE_SIZE},
    {512 * PAGE_SIZE + 1, 0, 0, 0, PAGE_SIZE},
    /* Several tables. */
    {PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, 7 * MIB + 123, 3 * MIB},
    {700 * PAGE_SIZE, 300 * PAGE_SIZE, 700 * PAGE_SIZE - 1, 700 * PAGE_SIZE + 1, PAGE_SIZE},
    {64, 0, 0, 0, 9 * MIB},
};

static void exact_is_enough_and_one_less_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(extents) / sizeof(extents[0]); i++) {
        const struct extent *extent = &extents[i];
        uint32_t need = (uint32_t)frames_of(extent);
        struct machine before;
        cap_handle_t handle;
        struct object_ref space;

        machine_start(need); /* the root takes one of them */
        (void)machine_space(&handle);
        before = machine;
        assert_int_equal(load(handle, image_of(extent), extent->stack), STATUS_OUT_OF_FRAMES);
        assert_memory_equal(&machine, &before, sizeof(machine));

        machine_start(need + 1U);
        space = machine_space(&handle);
        assert_int_equal(load(handle, image_of(extent), extent->stack), STATUS_OK);
        assert_int_equal(pmm_free_frames(&machine.pmm), 0);
        assert_int_equal(machine.spaces.unspent, 0);
        assert_int_equal(address_space_reclaim(&machine.spaces, space), STATUS_OK);
        assert_int_equal(pmm_free_frames(&machine.pmm), need + 1U);
        (void)machine_teardown(state);
    }
}

/* Larger than any RAM: the first allocation says that the preflight was content. */
static void refuse_allocation(paddr_t frame_pa)
{
    (void)frame_pa;
    mock_assert(0, "the first allocation", __FILE__, __LINE__);
}

/* One frame short is refused with everything as before; with it, the first allocation begins. */
static void one_frame_decides(const struct extent *extent)
{
    struct user_image image;
    struct machine before;
    cap_handle_t handle;

    machine_start(8);
    (void)machine_space(&handle);
    image = image_of(extent);
    machine.pmm.free = (uint32_t)frames_of(extent) - 1U;
    before = machine;
    assert_int_equal(load(handle, image, extent->stack), STATUS_OUT_OF_FRAMES);
    assert_memory_equal(&machine, &before, sizeof(machine));
    machine.pmm.free++;
    fake_ram_on_zero(refuse_allocation);
    expect_assert_failure(no_status(load(handle, image, extent->stack)));
}

static void large_programs_are_counted_exactly_too(void **state)
{
    static const struct extent large[] = {
        /* The stack's end, its start and the guard at the 1 GiB boundary. */
        {PAGE_SIZE, 0, 0, 0, (1ULL << 30) - ABI_IMAGE_BASE - 2 * PAGE_SIZE},
        {PAGE_SIZE, 0, 0, 0, (1ULL << 30) - ABI_IMAGE_BASE - PAGE_SIZE},
        {PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, (1U << 30) - ABI_IMAGE_BASE - PAGE_SIZE, PAGE_SIZE},
        {PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, (1U << 30) - ABI_IMAGE_BASE, PAGE_SIZE},
        {PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, (1U << 30) - ABI_IMAGE_BASE + 1, PAGE_SIZE},
        {PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, 0xFFFFF000, PAGE_SIZE},
        {PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, 0xFFFFFFFF, 1ULL << 30},
        /* At the 512 GiB boundary. */
        {PAGE_SIZE, 0, 0, 0, (1ULL << 39) - ABI_IMAGE_BASE - 2 * PAGE_SIZE},
        {PAGE_SIZE, 0, 0, 0, (1ULL << 39) - ABI_IMAGE_BASE - PAGE_SIZE},
        {PAGE_SIZE, 0, 0, 0, 5ULL << 39},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        one_frame_decides(&large[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_is_enough_and_one_less_is_not),
        cmocka_unit_test(large_programs_are_counted_exactly_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
