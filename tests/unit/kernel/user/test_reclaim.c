/* address_space_reclaim(): every frame of a space comes back, whatever its shape. */
#include "machine.h"

#define FRAMES 4096U

static uint32_t frames_before;

static int setup(void **state)
{
    (void)state;
    machine_start(FRAMES);
    frames_before = pmm_free_frames(&machine.pmm);
    return 0;
}

static struct object_ref new_space(void)
{
    struct object_ref space;

    assert_int_equal(address_space_create(&machine.spaces, &space), STATUS_OK);
    return space;
}

static void map_at(struct object_ref space, uint64_t va)
{
    struct flush_token token;
    paddr_t frame;

    assert_int_equal(pmm_alloc(&machine.pmm, &frame), STATUS_OK);
    assert_int_equal(address_space_map(&machine.spaces, space, (user_va_t){va}, frame,
                                       (enum user_rights)(va / PAGE_SIZE % USER_RIGHTS_COUNT),
                                       &token),
                     STATUS_OK);
    flush_va(&token);
}

static void assert_all_back(struct object_ref space)
{
    assert_int_equal(address_space_reclaim(&machine.spaces, space), STATUS_OK);
    assert_int_equal(pmm_free_frames(&machine.pmm), frames_before);
    assert_false(object_live(&machine.spaces.arena, space));
    assert_int_equal(object_count(&machine.spaces.arena), 0);
    for (uint32_t i = IMAGE_FRAMES; i < IMAGE_FRAMES + FRAMES; i++) {
        assert_int_equal(machine.pmm.used[i / 64] >> (i % 64) & 1U, 0);
    }
    assert_null(fake_mmu_violation());
}

static void an_empty_space_gives_its_root_back(void **state)
{
    (void)state;
    assert_all_back(new_space());
}

static void a_sparse_space_gives_every_table_back(void **state)
{
    static const uint64_t pages[] = {
        0,
        1ULL << 12,
        511ULL << 12, /* the last of its table */
        1ULL << 21,
        511ULL << 21,
        1ULL << 30,
        511ULL << 30 | 511ULL << 21 | 511ULL << 12,
        1ULL << 39,
        256ULL << 39 | 17ULL << 30 | 18ULL << 21 | 19ULL << 12,
        (1ULL << 48) - PAGE_SIZE,
    };
    const size_t count = sizeof(pages) / sizeof(pages[0]);

    /* Each alone, and all of them. */
    for (size_t i = 0; i <= count; i++) {
        struct object_ref space;

        (void)setup(state);
        space = new_space();
        for (size_t at = 0; at < count; at++) {
            if (i == at || i == count) {
                map_at(space, pages[at]);
            }
        }
        assert_all_back(space);
    }
}

static void a_dense_space_gives_every_page_back(void **state)
{
    struct object_ref space = new_space();

    (void)state;
    /* Three full tables and a bit, across a 1 GiB boundary. */
    for (uint64_t i = 0; i < 3 * 512 + 7; i++) {
        map_at(space, (1ULL << 30) - 512 * PAGE_SIZE + i * PAGE_SIZE);
    }
    assert_all_back(space);
}

/* What was unmapped before is nobody's business any more. */
static void a_space_with_holes_gives_what_is_left(void **state)
{
    struct object_ref space = new_space();

    (void)state;
    for (uint64_t i = 0; i < 1200; i++) {
        map_at(space, i * PAGE_SIZE);
    }
    for (uint64_t i = 0; i < 1200; i += i < 600 ? 1 : 3) {
        struct flush_token token;
        paddr_t frame;

        assert_int_equal(
            address_space_unmap(&machine.spaces, space, (user_va_t){i * PAGE_SIZE}, &frame, &token),
            STATUS_OK);
        flush_va(&token);
        assert_int_equal(pmm_free(&machine.pmm, frame), STATUS_OK);
    }
    assert_all_back(space);
}

static void other_spaces_keep_theirs(void **state)
{
    struct object_ref kept = new_space();
    struct object_ref space;

    (void)state;
    map_at(kept, 0x800000);
    map_at(kept, 0x900000);
    frames_before = pmm_free_frames(&machine.pmm);
    space = new_space();
    map_at(space, 0x800000);
    map_at(space, 1ULL << 40);
    assert_int_equal(address_space_activate(&machine.spaces, kept), STATUS_OK);
    assert_int_equal(address_space_reclaim(&machine.spaces, space), STATUS_OK);
    assert_int_equal(pmm_free_frames(&machine.pmm), frames_before);
    assert_page(kept, 0x800000, (enum user_rights)(0x800 % USER_RIGHTS_COUNT));
    assert_page(kept, 0x900000, (enum user_rights)(0x900 % USER_RIGHTS_COUNT));
    address_space_deactivate(&machine.spaces);
}

static void a_space_that_the_cpu_walks_is_in_use(void **state)
{
    struct object_ref space;

    (void)machine_setup(state);
    frames_before = pmm_free_frames(&machine.pmm);
    space = new_space();
    map_at(space, 0x800000);
    assert_int_equal(address_space_activate(&machine.spaces, space), STATUS_OK);
    assert_refused(address_space_reclaim(&machine.spaces, space), STATUS_IN_USE);
    address_space_deactivate(&machine.spaces);
    assert_int_equal(address_space_reclaim(&machine.spaces, space), STATUS_OK);
    assert_int_equal(pmm_free_frames(&machine.pmm), frames_before);
}

static void a_space_that_is_gone_is_stale(void **state)
{
    struct object_ref space;

    (void)machine_setup(state);
    space = new_space();
    map_at(space, 0x800000);
    assert_int_equal(address_space_reclaim(&machine.spaces, space), STATUS_OK);
    assert_refused(address_space_reclaim(&machine.spaces, space), STATUS_STALE_OBJECT);
    assert_refused(address_space_reclaim(&machine.spaces, (struct object_ref){99, 0}),
                   STATUS_STALE_OBJECT);
    /* Its index lives on in the next one. */
    assert_int_equal(new_space().index, space.index);
    assert_refused(address_space_reclaim(&machine.spaces, space), STATUS_STALE_OBJECT);
}

static void an_unspent_token_panics(void **state)
{
    struct object_ref space = new_space();
    struct flush_token token;
    paddr_t frame;
    uint32_t free;

    (void)state;
    map_at(space, 0x800000);
    assert_int_equal(
        address_space_unmap(&machine.spaces, space, (user_va_t){0x800000}, &frame, &token),
        STATUS_OK);
    map_at(space, 0x900000);
    free = pmm_free_frames(&machine.pmm);
    expect_assert_failure(no_status(address_space_reclaim(&machine.spaces, space)));
    assert_int_equal(pmm_free_frames(&machine.pmm), free); /* before anything is given back */
    flush_va(&token);
    assert_int_equal(pmm_free(&machine.pmm, frame), STATUS_OK);
    assert_all_back(space);
}

static void expect_reclaim_panics(struct object_ref space)
{
    expect_assert_failure(no_status(address_space_reclaim(&machine.spaces, space)));
}

/* Entries that the kernel did not make are a bug, not something to give back. */
static void a_foreign_entry_panics(void **state)
{
    struct object_ref space = new_space();
    struct mmu_entry table;

    (void)state;
    map_at(space, 0);
    table.pa = machine.spaces.spaces[space.index].root_pa;
    for (unsigned level = 0; level < MMU_LEVELS - 1; level++) {
        table = hal_mmu_decode(*(uint64_t *)(uintptr_t)table.pa.value, level);
    }
    *(uint64_t *)(uintptr_t)table.pa.value = FAKE_MMU_BLOCK_RAW;
    expect_reclaim_panics(space);
    *(uint64_t *)(uintptr_t)table.pa.value = 0; /* a count that no entry stands behind */
    expect_reclaim_panics(space);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_space_gives_its_root_back),
        TEST(a_sparse_space_gives_every_table_back),
        TEST(a_dense_space_gives_every_page_back),
        TEST(a_space_with_holes_gives_what_is_left),
        TEST(other_spaces_keep_theirs),
        TEST(a_space_that_the_cpu_walks_is_in_use),
        TEST(a_space_that_is_gone_is_stale),
        TEST(an_unspent_token_panics),
        TEST(a_foreign_entry_panics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
