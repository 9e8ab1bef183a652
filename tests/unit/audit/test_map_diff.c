/* The difference of two maps: what changed, and nothing beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "map_case.h"
#include "map_report.h"
#include "space_build.h"

#define SIZE_OF(table) (sizeof(table) / sizeof((table)[0]))
#define MIB(count)     ((uint64_t)(count) << 20)
#define PAGE           UINT64_C(0x1000)

/* Two sound kernels, of which a test changes the second. */
struct pair {
    struct space before;
    struct space after;
    char *text;
};

static void pair_begin(struct pair *pair)
{
    pair->text = NULL;
    space_begin(&pair->before, 12);
    space_sound(&pair->before);
    space_begin(&pair->after, 12);
    space_sound(&pair->after);
}

static size_t pair_differ(struct pair *pair)
{
    struct space_map before = map_of(&pair->before);
    struct space_map after = map_of(&pair->after);
    size_t size = 0;
    FILE *out = open_memstream(&pair->text, &size);
    size_t count;

    assert_non_null(out);
    count = map_difference(&before, &pair->before.item.snapshot, &after, &pair->after.item.snapshot,
                           out, NULL, NULL);
    fclose(out);
    space_map_free(&before);
    space_map_free(&after);
    return count;
}

static void pair_end(struct pair *pair)
{
    free(pair->text);
    space_end(&pair->before);
    space_end(&pair->after);
}

static void test_no_difference(void **state)
{
    struct pair pair;

    (void)state;
    pair_begin(&pair);
    assert_int_equal(pair_differ(&pair), 0);
    assert_string_equal(pair.text, "");
    pair_end(&pair);
}

/* One page in the middle of the linear map: the rest of it, now in three pieces, is no difference.
 */
static void test_one_descriptor_changes(void **state)
{
    static const struct {
        uint64_t flip;
        const char *words;
    } cases[] = {
        {DESC_LEAF_AP_EL1_RO, "    rights of EL1 rw- -> r--\n"},
        {DESC_LEAF_PXN_BIT, "    rights of EL1 rw- -> rwx\n"},
        {DESC_LEAF_AP_ALL_RW, "    rights of EL0 --- -> rw-\n"},
        {DESC_LEAF_UXN_BIT, "    rights of EL0 --- -> --x\n"},
        {LEAF(INDEX_DEVICE) ^ LEAF(INDEX_NORMAL), "    memory Normal WB -> Device-nGnRnE\n"},
        {LEAF(INDEX_NC) ^ LEAF(INDEX_NORMAL), "    memory Normal WB -> Normal NC\n"},
        {DESC_LEAF_SH_INNER ^ DESC_LEAF_SH_OUTER, "    shareability inner -> outer\n"},
        {DESC_LEAF_NG_BIT, "    scope global -> one ASID\n"},
        {DESC_LEAF_AF_BIT, "    access flag set -> clear\n"},
        {DESC_LEAF_CONTIGUOUS_BIT, "    contiguous bit clear -> set\n"},
        {DESC_LEAF_GP_BIT, "    guarded page bit clear -> set\n"},
        {DESC_LEAF_DBM_BIT, "    dirty bit modifier clear -> set\n"},
        {UINT64_C(0x1000000), "    physical address 0x40300000 -> 0x41300000\n"},
        {UINT64_C(1) << 41, "    status ok -> address size fault\n"},
    };

    (void)state;
    for (size_t i = 0; i < SIZE_OF(cases); i++) {
        struct pair pair;
        size_t lines = 0;

        pair_begin(&pair);
        *space_entry(&pair.after, LINEAR_VA(&pair.after) + MIB(3), 3) ^= cases[i].flip;
        if (pair_differ(&pair) != 1 || strstr(pair.text, cases[i].words) == NULL) {
            fail_msg("wanted%s, got\n%s", cases[i].words, pair.text);
        }
        for (const char *at = pair.text; at != NULL; at = strchr(at, '\n')) {
            at += *at == '\n';
            lines += *at == '-' || *at == '+';
        }
        assert_int_equal(lines, 2);
        pair_end(&pair);
    }
}

static void test_bits_that_mean_nothing(void **state)
{
    static const uint64_t flips[] = {DESC_LEAF_SOFTWARE_MASK, UINT64_C(1) << 63};

    (void)state;
    for (size_t i = 0; i < SIZE_OF(flips); i++) {
        struct pair pair;

        pair_begin(&pair);
        *space_entry(&pair.after, LINEAR_VA(&pair.after) + MIB(3), 3) ^= flips[i];
        assert_int_equal(pair_differ(&pair), 0);
        pair_end(&pair);
    }
}

static void test_other_faults(void **state)
{
    struct pair pair;

    (void)state;
    pair_begin(&pair);
    *space_entry(&pair.before, USER_DATA_VA + MIB(4), 2) = UINT64_C(0x70000000) | 3;
    *space_entry(&pair.after, USER_DATA_VA + MIB(4), 2) = UINT64_C(1) << 41 | 3;
    assert_int_equal(pair_differ(&pair), 1);
    assert_non_null(strstr(pair.text, "    status table not readable -> address size fault\n"));
    assert_non_null(
        strstr(pair.text, "     2 MiB  -> ?             table not readable  its table"));
    pair_end(&pair);
}

static void test_pages_come_and_go(void **state)
{
    struct pair pair;

    (void)state;
    pair_begin(&pair);
    *space_entry(&pair.after, USER_DATA_VA, 3) = 0;
    space_map(&pair.after, USER_DATA_VA + MIB(1), USER_DATA_PA, 3, 2, USER_DATA);
    assert_int_equal(pair_differ(&pair), 2);
    assert_non_null(strstr(pair.text, "- 0000000000600000..0000000000600fff     4 KiB  -> "
                                      "000040600000  rw- rw- Normal WB     inner nG 4K   "));
    assert_non_null(strstr(pair.text, "+ 0000000000700000..0000000000701fff     8 KiB  -> "
                                      "000040600000  rw- rw- Normal WB     inner nG 4K   "));
    pair_end(&pair);
}

static void test_a_block_is_split(void **state)
{
    struct pair pair;

    (void)state;
    pair_begin(&pair);
    *space_entry(&pair.after, LINEAR_VA(&pair.after), 2) = 0;
    space_map(&pair.after, LINEAR_VA(&pair.after), RAM_PA, 3, 512, KERNEL_DATA);
    assert_int_equal(pair_differ(&pair), 1);
    assert_non_null(strstr(pair.text, "    leaves 2M -> 4K\n"));
    pair_end(&pair);
}

static void test_the_mmu_goes_on(void **state)
{
    struct pair pair;

    (void)state;
    pair_begin(&pair);
    pair.before.item.snapshot.regs.sctlr &= ~(uint64_t)SCTLR_EL1_M_BIT;
    assert_int_equal(pair_differ(&pair), 9);
    assert_non_null(strstr(pair.text, "the MMU is on now: addresses were physical"));
    assert_null(strstr(pair.text, "\n-"));
    pair_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_difference),
        cmocka_unit_test(test_one_descriptor_changes),
        cmocka_unit_test(test_bits_that_mean_nothing),
        cmocka_unit_test(test_other_faults),
        cmocka_unit_test(test_pages_come_and_go),
        cmocka_unit_test(test_a_block_is_split),
        cmocka_unit_test(test_the_mmu_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
