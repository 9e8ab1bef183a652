/* The sentences, and that a short buffer is never overrun. */
#include "fake.h"

#include <string.h>

static void assert_sentence(struct fake *fake, const struct rig_walk_regs *regs, uint64_t va,
                            const char *sentence)
{
    struct rig_walk_result result = fake_walk(fake, regs, va);
    char text[512];
    size_t length = rig_walk_describe(&result, text, sizeof(text));

    assert_string_equal(text, sentence);
    assert_int_equal(length, strlen(sentence));
    /* every shorter buffer holds the beginning, terminated */
    for (size_t size = 1; size <= length; size++) {
        char part[512];

        memset(part, 'X', sizeof(part));
        assert_int_equal(rig_walk_describe(&result, part, size), length);
        assert_int_equal(strlen(part), size - 1);
        assert_memory_equal(part, sentence, size - 1);
        assert_int_equal(part[size], 'X');
    }
    assert_int_equal(rig_walk_describe(&result, NULL, 0), length);
}

static struct rig_walk_regs one_table(struct fake *fake, uint64_t *root)
{
    struct rig_walk_regs regs = fake_regs(12, 25);

    *root = fake_table(fake, 0x1000);
    regs.ttbr0 = *root;
    regs.ttbr1 = *root;
    return regs;
}

static void mappings(void **state)
{
    uint64_t root;
    struct rig_walk_regs regs = one_table(*state, &root);

    fake_write(*state, root, UINT64_C(0x0060000080000000) | D_BLOCK | 1 << 2 | 3 << 8);
    assert_sentence(*state, &regs, 0x1234,
                    "0x1234 is PA 0x80001234 through a 1 GiB block at level 1: EL1 may read and "
                    "write, EL0 may do nothing; Normal, Write-Back, read/write-allocate, inner "
                    "shareable, global.");
    regs.pstate = UINT64_C(1) << 22;
    regs.sctlr = 1;
    fake_write(*state, root, UINT64_C(0x0014000080000000) | D_BLOCK | 1 << 2 | 1 << 6 | 1 << 11);
    assert_sentence(*state, &regs, 0,
                    "0x0 is PA 0x80000000 through a 1 GiB block at level 1: EL1 may read and "
                    "write, EL0 may read, write and execute; Normal, Write-Back, "
                    "read/write-allocate, non-shareable, not global, contiguous, guarded; "
                    "PSTATE.PAN = 1 keeps EL1's loads and stores out; data is not cached "
                    "(SCTLR_EL1.C = 0).");
    regs.sctlr = 0;
    assert_sentence(*state, &regs, 0x40080000,
                    "0x40080000 is PA 0x40080000 because the MMU is off (SCTLR_EL1.M = 0): EL1 and "
                    "EL0 may read, write and execute, data is Device-nGnRnE, fetches are Normal "
                    "memory.");
}

static void faults(void **state)
{
    uint64_t root;
    struct rig_walk_regs regs = one_table(*state, &root);
    struct fake *fake = *state;

    assert_sentence(fake, &regs, 0,
                    "0x0 does not translate: level 1 translation fault, descriptor "
                    "0x0000000000000000 at PA 0x40000000 is invalid.");
    fake_write(fake, root, UINT64_C(0x80000001));
    assert_sentence(fake, &regs, 0x10,
                    "0x10 does not translate: level 1 access flag fault, descriptor "
                    "0x0000000080000001 at PA 0x40000000 has AF = 0 (it would be PA 0x80000010).");
    regs.tcr &= ~(UINT64_C(7) << 32);
    fake_write(fake, root, UINT64_C(0x0000000100000401));
    assert_sentence(fake, &regs, 0,
                    "0x0 does not translate: level 1 address size fault, the output address of "
                    "descriptor 0x0000000100000401 at PA 0x40000000 exceeds the physical address "
                    "size.");
    assert_sentence(fake, &regs, UINT64_C(0x8000000000),
                    "0x8000000000 does not translate: it lies outside both halves (TCR_EL1.T0SZ = "
                    "25).");
    fake->fail_pa = root + 8 * 511;
    fake->fail_outcome = 1;
    assert_sentence(fake, &regs, UINT64_MAX,
                    "0xffffffffffffffff could not be judged: the level 1 descriptor at PA "
                    "0x40000ff8 is not readable.");
    regs.tcr |= UINT64_C(1) << 23;
    assert_sentence(fake, &regs, UINT64_MAX,
                    "0xffffffffffffffff does not translate: TCR_EL1.EPD1 = 1 disables walks from "
                    "TTBR1_EL1.");
    regs.tcr |= UINT64_C(1) << 59;
    assert_sentence(fake, &regs, 0,
                    "0x0 could not be judged: TCR_EL1.DS = 1 (52-bit descriptors) is not supported "
                    "by this walker.");
}

/* Whatever a result says, there is a sentence, and it ends. */
static void every_status_and_reason_has_words(void **state)
{
    (void)state;
    for (unsigned status = 0; status < 256; status++) {
        for (unsigned reason = 0; reason < 256; reason++) {
            struct rig_walk_result result = {
                .status = (uint8_t)status, .reason = (uint8_t)reason, .step_count = 1};
            char text[512];
            size_t length = rig_walk_describe(&result, text, sizeof(text));

            assert_in_range(length, 10, sizeof(text) - 1);
            assert_int_equal(text[length - 1], '.');
        }
        assert_int_equal(strcmp(rig_walk_status_text(status), "unknown status") == 0,
                         status >= RIG_WALK_STATUS_COUNT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mappings, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(faults, fake_setup, fake_teardown),
        cmocka_unit_test(every_status_and_reason_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
