/* The user half's descriptors, against bit positions written out from DDI 0487 and against the
 * general encoder. */
#include "cmocka_includes.h"

#include <arch/descriptor.h>
#include <tyrne/hal/mmu.h>

#define UNTOUCHED 0x5A5A5A5A5A5A5A5AULL

/* SYSTEM.md section 2, "User leaves", by bit: page, AttrIndx 1, inner shareable, AF, nG, PXN. */
#define LEAF      (3ULL | 1ULL << 2 | 3ULL << 8 | 1ULL << 10 | 1ULL << 11 | 1ULL << 53)
#define AP_ALL_RW (1ULL << 6)
#define AP_ALL_RO (3ULL << 6)
#define UXN       (1ULL << 54)

static const uint64_t rights_bits[USER_RIGHTS_COUNT] = {
    [USER_READ_ONLY] = LEAF | AP_ALL_RO | UXN,
    [USER_READ_WRITE] = LEAF | AP_ALL_RW | UXN,
    [USER_READ_EXECUTE] = LEAF | AP_ALL_RO,
};

static const uint64_t pas[] = {0, 0x1000, 0x400E4000, (1ULL << 48) - 0x1000};
#define PAS (sizeof(pas) / sizeof(pas[0]))

static void pages_survive_a_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAS; i++) {
        for (unsigned rights = 0; rights < USER_RIGHTS_COUNT; rights++) {
            uint64_t raw = 0;
            struct mmu_entry entry;

            assert_true(hal_mmu_encode_page((paddr_t){pas[i]}, (enum user_rights)rights, &raw));
            assert_int_equal(raw, pas[i] | rights_bits[rights]);
            entry = hal_mmu_decode(raw, 3);
            assert_int_equal(entry.kind, MMU_ENTRY_PAGE);
            assert_int_equal(entry.pa.value, pas[i]);
            assert_int_equal(entry.rights, rights);
        }
    }
}

/* The fast constants say what the general encoder would. */
static void pages_are_what_the_leaf_encoder_makes(void **state)
{
    (void)state;
    for (unsigned rights = 0; rights < USER_RIGHTS_COUNT; rights++) {
        const struct leaf_descriptor leaf = {
            .output_pa = 0x400E4000,
            .attr_index = 1,
            .ap = rights == USER_READ_WRITE ? 1 : 3,
            .sh = 3,
            .af = true,
            .ng = true,
            .pxn = true,
            .uxn = rights != USER_READ_EXECUTE,
        };
        uint64_t expected = 0;
        uint64_t raw = 1;

        assert_true(leaf_descriptor_encode(&leaf, 3, &expected));
        assert_true(hal_mmu_encode_page((paddr_t){0x400E4000}, (enum user_rights)rights, &raw));
        assert_int_equal(raw, expected);
    }
}

static void no_user_page_is_writable_and_executable(void **state)
{
    (void)state;
    for (unsigned rights = 0; rights < USER_RIGHTS_COUNT; rights++) {
        uint64_t raw = 0;

        assert_true(hal_mmu_encode_page((paddr_t){0}, (enum user_rights)rights, &raw));
        /* AP[2] clear is writable, UXN clear executable. */
        assert_true((raw & 1ULL << 7) != 0 || (raw & UXN) != 0);
    }
}

static void refuses_pages_that_do_not_fit(void **state)
{
    uint64_t raw = UNTOUCHED;

    (void)state;
    assert_false(hal_mmu_encode_page((paddr_t){0x800}, USER_READ_ONLY, &raw));
    assert_false(hal_mmu_encode_page((paddr_t){0x1001}, USER_READ_ONLY, &raw));
    assert_false(hal_mmu_encode_page((paddr_t){1ULL << 48}, USER_READ_ONLY, &raw));
    assert_false(hal_mmu_encode_page((paddr_t){UINT64_MAX << 12}, USER_READ_ONLY, &raw));
    assert_false(hal_mmu_encode_page((paddr_t){0x1000}, USER_RIGHTS_COUNT, &raw));
    assert_int_equal(raw, UNTOUCHED);
}

/* A page with one bit changed has another address or other rights, is empty, or is nothing that the
 * kernel makes. */
static void every_other_bit_makes_a_page_foreign(void **state)
{
    const uint64_t page = 0x400E4000ULL | rights_bits[USER_READ_ONLY];

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        struct mmu_entry entry = hal_mmu_decode(page ^ 1ULL << bit, 3);

        if (bit >= 12 && bit < 48) {
            assert_int_equal(entry.kind, MMU_ENTRY_PAGE);
            assert_int_equal(entry.pa.value, 0x400E4000ULL ^ 1ULL << bit);
            assert_int_equal(entry.rights, USER_READ_ONLY);
        } else if (bit == 7) { /* AP[2] */
            assert_int_equal(entry.kind, MMU_ENTRY_PAGE);
            assert_int_equal(entry.rights, USER_READ_WRITE);
        } else if (bit == 54) { /* UXN */
            assert_int_equal(entry.kind, MMU_ENTRY_PAGE);
            assert_int_equal(entry.rights, USER_READ_EXECUTE);
        } else {
            assert_int_equal(entry.kind, bit == 0 ? MMU_ENTRY_EMPTY : MMU_ENTRY_BLOCK);
        }
    }
}

static void tables_survive_a_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAS; i++) {
        for (uint32_t live = 0; live <= MMU_TABLE_ENTRIES; live++) {
            for (unsigned level = 0; level < 3; level++) {
                uint64_t raw = 0;
                struct mmu_entry entry;

                assert_true(hal_mmu_encode_table((paddr_t){pas[i]}, live, &raw));
                assert_int_equal(raw, pas[i] | (uint64_t)live << 2 | 3);
                entry = hal_mmu_decode(raw, level);
                assert_int_equal(entry.kind, MMU_ENTRY_TABLE);
                assert_int_equal(entry.pa.value, pas[i]);
                assert_int_equal(entry.live, live);
            }
        }
    }
}

static void refuses_tables_that_do_not_fit(void **state)
{
    uint64_t raw = UNTOUCHED;

    (void)state;
    assert_false(hal_mmu_encode_table((paddr_t){0x1000}, MMU_TABLE_ENTRIES + 1, &raw));
    assert_false(hal_mmu_encode_table((paddr_t){0x1004}, 1, &raw));
    assert_false(hal_mmu_encode_table((paddr_t){1ULL << 48}, 1, &raw));
    assert_int_equal(raw, UNTOUCHED);
}

static void tells_the_kinds_apart(void **state)
{
    const uint64_t table = 0x40089000ULL | 3;
    const uint64_t page = 0x40089000ULL | rights_bits[USER_READ_WRITE];
    const uint64_t kernel_page = page & ~(1ULL << 6 | 1ULL << 11);

    (void)state;
    for (unsigned level = 0; level < 4; level++) {
        assert_int_equal(hal_mmu_decode(0, level).kind, MMU_ENTRY_EMPTY);
        /* Invalid whatever else it holds: the walker looks at bit 0. */
        assert_int_equal(hal_mmu_decode(UINT64_MAX << 1, level).kind, MMU_ENTRY_EMPTY);
    }
    for (unsigned level = 0; level < 3; level++) {
        assert_int_equal(hal_mmu_decode(0x40000001, level).kind, MMU_ENTRY_BLOCK);
        /* A table with hierarchical restrictions, and one with an impossible count. */
        assert_int_equal(hal_mmu_decode(table | 1ULL << 60, level).kind, MMU_ENTRY_BLOCK);
        assert_int_equal(hal_mmu_decode(table | 513ULL << 2, level).kind, MMU_ENTRY_BLOCK);
        /* A page's bits are no table's. */
        assert_int_equal(hal_mmu_decode(page, level).kind, MMU_ENTRY_BLOCK);
    }
    assert_int_equal(hal_mmu_decode(table, 3).kind, MMU_ENTRY_BLOCK);
    assert_int_equal(hal_mmu_decode(kernel_page, 3).kind, MMU_ENTRY_BLOCK);
    assert_int_equal(hal_mmu_decode(table, 4).kind, MMU_ENTRY_BLOCK);
}

static void an_address_has_the_architecture_s_indices(void **state)
{
    const user_va_t va = {1ULL << 39 | 2ULL << 30 | 3ULL << 21 | 4ULL << 12 | 0xFFF};
    const user_va_t last = {USER_VA_END - 1};

    (void)state;
    for (unsigned level = 0; level < 4; level++) {
        assert_int_equal(hal_mmu_index(level, va), level + 1);
        assert_int_equal(hal_mmu_index(level, last), 511);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_survive_a_round_trip),
        cmocka_unit_test(pages_are_what_the_leaf_encoder_makes),
        cmocka_unit_test(no_user_page_is_writable_and_executable),
        cmocka_unit_test(refuses_pages_that_do_not_fit),
        cmocka_unit_test(every_other_bit_makes_a_page_foreign),
        cmocka_unit_test(tables_survive_a_round_trip),
        cmocka_unit_test(refuses_tables_that_do_not_fit),
        cmocka_unit_test(tells_the_kinds_apart),
        cmocka_unit_test(an_address_has_the_architecture_s_indices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
