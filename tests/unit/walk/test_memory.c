/* Memory types, shareability, access flag and the leaf's other bits. */
#include "fake.h"

#include <string.h>

static uint64_t one_block(struct fake *fake, struct rig_walk_regs *regs)
{
    uint64_t root = fake_table(fake, 0x1000);

    *regs = fake_regs(12, 25);
    regs->ttbr0 = root;
    return root;
}

/* DDI 0487, MAIR_EL1: the whole byte, listed by hand. */
static enum rig_walk_memory memory_expected(unsigned attr)
{
    switch (attr) {
    case 0x00:
    case 0x01:
        return RIG_WALK_DEVICE_NGNRNE;
    case 0x04:
    case 0x05:
        return RIG_WALK_DEVICE_NGNRE;
    case 0x08:
    case 0x09:
        return RIG_WALK_DEVICE_NGRE;
    case 0x0c:
    case 0x0d:
        return RIG_WALK_DEVICE_GRE;
    case 0x40:
    case 0xa0:
    case 0xf0:
        return RIG_WALK_NORMAL;
    default:
        return attr < 0x10 || attr % 16 == 0 ? RIG_WALK_MEMORY_RESERVED : RIG_WALK_NORMAL;
    }
}

static void every_mair_byte_at_every_index(void **state)
{
    struct rig_walk_regs regs;
    uint64_t root = one_block(*state, &regs);

    for (unsigned attr = 0; attr < 256; attr++) {
        for (unsigned index = 0; index < 8; index++) {
            struct rig_walk_result result;

            regs.mair = ~(UINT64_C(0xff) << 8 * index) | (uint64_t)attr << 8 * index;
            fake_write(*state, root, D_BLOCK | index << 2 | UINT64_C(3) << 8);
            result = fake_walk(*state, &regs, 0);
            assert_int_equal(result.attr.attr_index, index);
            assert_int_equal(result.attr.mair_attr, attr);
            assert_int_equal(result.attr.memory, memory_expected(attr));
            /* Device and Non-cacheable are outer shareable, whatever SH says. */
            assert_int_equal(result.attr.sh, 3);
            assert_int_equal(
                result.attr.shareability,
                memory_expected(attr) < RIG_WALK_NORMAL || attr == 0x44 || attr == 0x40 ? 2 : 3);
        }
    }
}

static void memory_texts(void **state)
{
    static const struct {
        uint8_t attr;
        const char *text;
    } rows[] = {
        {0x00, "Device-nGnRnE"},
        {0x04, "Device-nGnRE"},
        {0x08, "Device-nGRE"},
        {0x0c, "Device-GRE"},
        {0x05, "Device-nGnRE, XS = 0 (needs FEAT_XS)"},
        {0x02, "reserved memory type (MAIR attribute 0x02)"},
        {0x50, "reserved memory type (MAIR attribute 0x50)"},
        {0x44, "Normal, Non-cacheable"},
        {0xff, "Normal, Write-Back, read/write-allocate"},
        {0xbb, "Normal, Write-Through, read/write-allocate"},
        {0x77, "Normal, Write-Back transient, read/write-allocate"},
        {0x4f, "Normal, inner Write-Back, read/write-allocate, outer Non-cacheable"},
        {0x40, "Normal, Non-cacheable, XS = 0 (needs FEAT_XS)"},
        {0xf0, "Normal, Write-Back, read/write-allocate, tagged (needs FEAT_MTE2)"},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(rig_walk_memory_text(rows[i].attr, text, sizeof(text)),
                         strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
    for (unsigned attr = 0; attr < 256; attr++) {
        bool reserved = memory_expected(attr) == RIG_WALK_MEMORY_RESERVED;

        rig_walk_memory_text((uint8_t)attr, text, sizeof(text));
        assert_int_equal(strncmp(text, "reserved", 8) == 0, reserved);
    }
}

static void shareability_texts(void **state)
{
    static const char *const texts[] = {"non-shareable", "reserved shareability", "outer shareable",
                                        "inner shareable"};
    struct rig_walk_regs regs;
    uint64_t root = one_block(*state, &regs);
    char text[64];

    for (unsigned sh = 0; sh < 4; sh++) {
        struct rig_walk_result result;

        fake_write(*state, root, D_BLOCK | 1 << 2 | (uint64_t)sh << 8);
        result = fake_walk(*state, &regs, 0);
        assert_int_equal(result.attr.sh, sh);
        assert_int_equal(result.attr.shareability, sh);
        rig_walk_shareability_text(result.attr.shareability, text, sizeof(text));
        assert_string_equal(text, texts[sh]);
    }
}

static void access_flag(void **state)
{
    struct rig_walk_regs regs;
    uint64_t root = one_block(*state, &regs);
    struct rig_walk_result result;

    fake_write(*state, root, UINT64_C(0x80000000) | 1 | 1 << 2 | 1 << 6); /* AP all RW */
    result = fake_walk(*state, &regs, 0x10);
    assert_int_equal(result.status, RIG_WALK_FAULT_ACCESS_FLAG);
    assert_int_equal(result.level, 1);
    assert_int_equal(result.pa, 0x80000010);
    assert_int_equal(result.attr.memory, RIG_WALK_NORMAL);
    assert_int_equal(result.attr.el1_read | result.attr.el1_write | result.attr.el1_exec |
                         result.attr.el0_read | result.attr.el0_write | result.attr.el0_exec,
                     0);
    regs.pstate = UINT64_C(1) << 22;
    fake_write(*state, root,
               UINT64_C(0x80000000) | 1 | 1 << 2 | 3 << 6); /* read-only, executable */
    result = fake_walk(*state, &regs, 0);
    assert_int_equal(result.attr.el1_exec | result.attr.el0_exec | result.attr.pan_blocks_el1, 0);
    regs.tcr |= UINT64_C(1) << 39; /* HA without FEAT_HAFDBS is RES0 */
    assert_int_equal(fake_walk(*state, &regs, 0).status, RIG_WALK_FAULT_ACCESS_FLAG);
    regs.id_aa64mmfr1 |= 1;
    result = fake_walk(*state, &regs, 0);
    assert_int_equal(result.status, RIG_WALK_OK);
    assert_int_equal(result.attr.af, 0);
    assert_int_equal(result.attr.el1_exec & result.attr.el0_exec & result.attr.pan_blocks_el1, 1);
}

static void single_bits_of_the_leaf(void **state)
{
    static const struct {
        unsigned bit;
        size_t member;
    } rows[] = {
        {11, offsetof(struct rig_walk_attributes, ng)},
        {50, offsetof(struct rig_walk_attributes, guarded)},
        {51, offsetof(struct rig_walk_attributes, dbm)},
        {52, offsetof(struct rig_walk_attributes, contiguous)},
    };
    struct rig_walk_regs regs;
    uint64_t root = one_block(*state, &regs);
    struct rig_walk_attributes plain;

    fake_write(*state, root, D_BLOCK | 1 << 2);
    plain = fake_walk(*state, &regs, 0).attr;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_walk_attributes with;

        fake_write(*state, root, D_BLOCK | 1 << 2 | UINT64_C(1) << rows[i].bit);
        with = fake_walk(*state, &regs, 0).attr;
        assert_int_equal(((uint8_t *)&with)[rows[i].member], 1);
        assert_int_equal(((uint8_t *)&plain)[rows[i].member], 0);
        ((uint8_t *)&with)[rows[i].member] = 0; /* and nothing else changed */
        assert_memory_equal(&with, &plain, sizeof(with));
    }
}

static void data_cache_off_is_named(void **state)
{
    struct rig_walk_regs regs;
    uint64_t root = one_block(*state, &regs);

    fake_write(*state, root, D_BLOCK | 1 << 2);
    assert_int_equal(fake_walk(*state, &regs, 0).attr.data_cache_off, 0);
    regs.sctlr &= ~UINT64_C(4);
    assert_int_equal(fake_walk(*state, &regs, 0).attr.data_cache_off, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_mair_byte_at_every_index, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(memory_texts, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(shareability_texts, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(access_flag, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(single_bits_of_the_leaf, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(data_cache_off_is_named, fake_setup, fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
