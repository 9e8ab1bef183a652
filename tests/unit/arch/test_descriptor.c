#include "cmocka_includes.h"

#include <arch/descriptor.h>
#include <stdbool.h>

/* Every combination of the attributes of a leaf: 8 * 4 * 3 * 2^5. */
#define COMBINATIONS (8U * 4U * 3U * 32U)

static struct leaf_descriptor combination(unsigned n, uint64_t pa)
{
    static const uint8_t shareability[] = {0, 2, 3};
    struct leaf_descriptor leaf = {.output_pa = pa};

    leaf.attr_index = (uint8_t)(n % 8);
    n /= 8;
    leaf.ap = (uint8_t)(n % 4);
    n /= 4;
    leaf.sh = shareability[n % 3];
    n /= 3;
    leaf.af = (n & 1) != 0;
    leaf.ng = (n & 2) != 0;
    leaf.contiguous = (n & 4) != 0;
    leaf.pxn = (n & 8) != 0;
    leaf.uxn = (n & 16) != 0;
    return leaf;
}

static void assert_leaf_equal(const struct leaf_descriptor *a, const struct leaf_descriptor *b)
{
    assert_int_equal(a->output_pa, b->output_pa);
    assert_int_equal(a->attr_index, b->attr_index);
    assert_int_equal(a->ap, b->ap);
    assert_int_equal(a->sh, b->sh);
    assert_int_equal(a->af, b->af);
    assert_int_equal(a->ng, b->ng);
    assert_int_equal(a->contiguous, b->contiguous);
    assert_int_equal(a->pxn, b->pxn);
    assert_int_equal(a->uxn, b->uxn);
}

/* The descriptor written out by the bit positions of DDI 0487, independent of the generated names.
 */
static uint64_t by_hand(const struct leaf_descriptor *leaf, unsigned level)
{
    return (level == 3 ? 3ULL : 1ULL) | leaf->output_pa | (uint64_t)leaf->attr_index << 2 |
           (uint64_t)leaf->ap << 6 | (uint64_t)leaf->sh << 8 | (uint64_t)leaf->af << 10 |
           (uint64_t)leaf->ng << 11 | (uint64_t)leaf->contiguous << 52 | (uint64_t)leaf->pxn << 53 |
           (uint64_t)leaf->uxn << 54;
}

static void every_combination_survives_a_round_trip(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 3; level++) {
        const uint64_t pas[] = {0, level_size(level), (1ULL << 48) - level_size(level)};

        for (unsigned n = 0; n < COMBINATIONS * 3; n++) {
            struct leaf_descriptor in = combination(n / 3, pas[n % 3]);
            struct leaf_descriptor out;
            uint64_t raw = 0;

            assert_true(leaf_descriptor_encode(&in, level, &raw));
            assert_int_equal(raw, by_hand(&in, level));
            assert_int_equal(descriptor_kind(raw, level), DESCRIPTOR_LEAF);
            assert_true(leaf_descriptor_decode(raw, level, &out));
            assert_leaf_equal(&in, &out);
        }
    }
}

static void assert_not_encodable(struct leaf_descriptor leaf, unsigned level)
{
    const uint64_t untouched = 0x5A5A5A5A5A5A5A5AULL;
    uint64_t raw = untouched;

    assert_false(leaf_descriptor_encode(&leaf, level, &raw));
    assert_int_equal(raw, untouched);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    assert_not_encodable((struct leaf_descriptor){.output_pa = 0}, 0);
    assert_not_encodable((struct leaf_descriptor){.output_pa = 0}, 4);
    assert_not_encodable((struct leaf_descriptor){.output_pa = 0x800}, 3);
    assert_not_encodable((struct leaf_descriptor){.output_pa = 0x1000}, 2);
    assert_not_encodable((struct leaf_descriptor){.output_pa = 0x200000}, 1);
    assert_not_encodable((struct leaf_descriptor){.output_pa = 1ULL << 48}, 3);
    assert_not_encodable((struct leaf_descriptor){.attr_index = 8}, 3);
    assert_not_encodable((struct leaf_descriptor){.ap = 4}, 3);
    assert_not_encodable((struct leaf_descriptor){.sh = 1}, 3);
    assert_not_encodable((struct leaf_descriptor){.sh = 4}, 3);
}

static void refuses_to_decode_what_it_never_encodes(void **state)
{
    const uint64_t page = 0x40080000ULL | 3;
    const unsigned foreign_bits[] = {5, 48, 49, 50, 51, 55, 58, 59, 63};
    struct leaf_descriptor leaf;
    struct leaf_descriptor untouched = {.output_pa = 42};

    (void)state;
    assert_true(leaf_descriptor_decode(page, 3, &leaf));
    for (size_t i = 0; i < sizeof(foreign_bits) / sizeof(foreign_bits[0]); i++) {
        leaf = untouched;
        assert_false(leaf_descriptor_decode(page | 1ULL << foreign_bits[i], 3, &leaf));
        assert_leaf_equal(&leaf, &untouched);
    }
    assert_false(leaf_descriptor_decode(page | 1ULL << 8, 3, &leaf)); /* SH = 1 is reserved */
    assert_false(leaf_descriptor_decode(0, 3, &leaf));
    assert_false(leaf_descriptor_decode(0x40000001, 3, &leaf)); /* no blocks at level 3 */
    assert_false(leaf_descriptor_decode(0x40080001, 2, &leaf)); /* block address not aligned */
    assert_false(leaf_descriptor_decode(0x40000003, 2, &leaf)); /* a table */
}

static void tells_the_kinds_apart(void **state)
{
    /* kinds[raw & 3][level] */
    static const enum descriptor_kind kinds[4][4] = {
        {DESCRIPTOR_INVALID, DESCRIPTOR_INVALID, DESCRIPTOR_INVALID, DESCRIPTOR_INVALID},
        {DESCRIPTOR_RESERVED, DESCRIPTOR_LEAF, DESCRIPTOR_LEAF, DESCRIPTOR_RESERVED},
        {DESCRIPTOR_INVALID, DESCRIPTOR_INVALID, DESCRIPTOR_INVALID, DESCRIPTOR_INVALID},
        {DESCRIPTOR_TABLE, DESCRIPTOR_TABLE, DESCRIPTOR_TABLE, DESCRIPTOR_LEAF},
    };

    (void)state;
    for (unsigned type = 0; type < 4; type++) {
        for (unsigned level = 0; level < 4; level++) {
            assert_int_equal(descriptor_kind(0x40000000ULL | type, level), kinds[type][level]);
        }
    }
}

static void tables_survive_a_round_trip(void **state)
{
    uint64_t raw = 7;

    (void)state;
    assert_true(table_descriptor_encode(0x40089000, &raw));
    assert_int_equal(raw, 0x40089003);
    assert_int_equal(table_descriptor_next(raw), 0x40089000);
    assert_true(table_descriptor_encode(0xFFFFFFFFF000ULL, &raw));
    assert_int_equal(table_descriptor_next(raw | 0xF8ULL << 56), 0xFFFFFFFFF000ULL);
    raw = 7;
    assert_false(table_descriptor_encode(0x40089008, &raw));
    assert_false(table_descriptor_encode(1ULL << 48, &raw));
    assert_int_equal(raw, 7);
}

static void counted_tables_survive_a_round_trip(void **state)
{
    const uint64_t pas[] = {0, 0x1000, 0x40089000, (1ULL << 48) - 4096};

    (void)state;
    for (size_t i = 0; i < sizeof(pas) / sizeof(pas[0]); i++) {
        for (unsigned live = 0; live <= TABLE_ENTRIES; live++) {
            uint64_t raw = 0;
            uint64_t next_pa = 7;
            unsigned out = 7;

            assert_true(counted_table_descriptor_encode(pas[i], live, &raw));
            assert_int_equal(raw, pas[i] | (uint64_t)live << 2 | 3);
            assert_int_equal(descriptor_kind(raw, 0), DESCRIPTOR_TABLE);
            assert_int_equal(table_descriptor_next(raw), pas[i]);
            assert_true(counted_table_descriptor_decode(raw, &next_pa, &out));
            assert_int_equal(next_pa, pas[i]);
            assert_int_equal(out, live);
        }
    }
}

static void refuses_counted_tables_that_do_not_fit(void **state)
{
    const uint64_t untouched = 0x5A5A5A5A5A5A5A5AULL;
    uint64_t raw = untouched;

    (void)state;
    assert_false(counted_table_descriptor_encode(0x1000, TABLE_ENTRIES + 1, &raw));
    assert_false(counted_table_descriptor_encode(0x1000, UINT32_MAX, &raw));
    assert_false(counted_table_descriptor_encode(0x1800, 1, &raw));
    assert_false(counted_table_descriptor_encode(0x1004, 1, &raw));
    assert_false(counted_table_descriptor_encode(1ULL << 48, 1, &raw));
    assert_int_equal(raw, untouched);
}

static void refuses_to_decode_counted_tables_that_it_never_encodes(void **state)
{
    const uint64_t table = 0x40089000ULL | 5 << 2 | 3;
    uint64_t next_pa = 7;
    unsigned live = 7;

    (void)state;
    for (unsigned bit = 48; bit < 64; bit++) {
        assert_false(counted_table_descriptor_decode(table | 1ULL << bit, &next_pa, &live));
    }
    assert_false(counted_table_descriptor_decode(table & ~1ULL, &next_pa, &live));
    assert_false(counted_table_descriptor_decode(table & ~2ULL, &next_pa, &live));
    assert_false(counted_table_descriptor_decode(0, &next_pa, &live));
    assert_false(counted_table_descriptor_decode(0x40089003ULL | 513 << 2, &next_pa, &live));
    assert_false(counted_table_descriptor_decode(0x40089003ULL | 1023 << 2, &next_pa, &live));
    assert_int_equal(next_pa, 7);
    assert_int_equal(live, 7);
}

static void levels_have_the_architecture_s_sizes(void **state)
{
    (void)state;
    assert_int_equal(level_size(0), 512ULL << 30);
    assert_int_equal(level_size(1), 1ULL << 30);
    assert_int_equal(level_size(2), 2ULL << 20);
    assert_int_equal(level_size(3), 4096);
    assert_int_equal(level_index(0, 0xFFFFFFFF40080000ULL), 511);
    assert_int_equal(level_index(1, 0xFFFFFFFF40080000ULL), 509);
    assert_int_equal(level_index(2, 0xFFFFFFFF40080000ULL), 0);
    assert_int_equal(level_index(3, 0xFFFFFFFF40080000ULL), 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_survives_a_round_trip),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(refuses_to_decode_what_it_never_encodes),
        cmocka_unit_test(tells_the_kinds_apart),
        cmocka_unit_test(tables_survive_a_round_trip),
        cmocka_unit_test(counted_tables_survive_a_round_trip),
        cmocka_unit_test(refuses_counted_tables_that_do_not_fit),
        cmocka_unit_test(refuses_to_decode_counted_tables_that_it_never_encodes),
        cmocka_unit_test(levels_have_the_architecture_s_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
