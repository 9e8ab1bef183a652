/*
 * The plugin's own decoder against Capstone, over random instructions and every kind of branch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above first. */
#include <cmocka.h>

#include <capstone/capstone.h>
#include <stdio.h>
#include <stdlib.h>

#include "a64_decode.h"

enum { ROUNDS = 2000000 };

static const uint64_t AT = 0x40080000;

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 32);
}

/* What Capstone says: a conditional branch, and its target. */
static bool capstone_branch(const cs_insn *insn, uint64_t *target)
{
    const cs_arm64 *detail = &insn->detail->arm64;
    switch (insn->id) {
    case ARM64_INS_B:
        if (detail->cc == ARM64_CC_INVALID || detail->cc == ARM64_CC_AL ||
            detail->cc == ARM64_CC_NV) {
            return false;
        }
        break;
    case ARM64_INS_CBZ:
    case ARM64_INS_CBNZ:
    case ARM64_INS_TBZ:
    case ARM64_INS_TBNZ:
        break;
    default:
        return false;
    }
    *target = (uint64_t)detail->operands[detail->op_count - 1].imm;
    return true;
}

/* 1 when Capstone knows the instruction, and agrees. */
static unsigned int check(csh handle, cs_insn *insn, uint32_t opcode)
{
    const uint8_t *code = (const uint8_t *)&opcode;
    size_t size = sizeof opcode;
    uint64_t address = AT;
    if (!cs_disasm_iter(handle, &code, &size, &address, insn)) {
        return 0;
    }
    int64_t offset = 0;
    uint64_t target = 0;
    bool ours = a64_conditional_branch(opcode, &offset);
    bool theirs = capstone_branch(insn, &target);
    if (ours != theirs || (ours && AT + (uint64_t)offset != target)) {
        fail_msg("%08x %s %s: ours %d 0x%llx", opcode, insn->mnemonic, insn->op_str, (int)ours,
                 (unsigned long long)(AT + (uint64_t)offset));
    }
    /* An access to memory in Capstone's eyes may fault in ours. */
    for (uint8_t i = 0; i < insn->detail->arm64.op_count; i++) {
        bool memory = insn->detail->arm64.operands[i].type == ARM64_OP_MEM;
        /* A branch through a register is no access; neither are hints, which Capstone 4 does not
         * mark. */
        if (memory && !a64_may_fault(opcode)) {
            fail_msg("%08x %s %s: an access that is not thought to fault", opcode, insn->mnemonic,
                     insn->op_str);
        }
    }
    return 1;
}

static void agrees_with_capstone(void **state)
{
    (void)state;
    csh handle = 0;
    uint64_t random = 1;
    unsigned int known = 0;
    assert_int_equal(cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &handle), CS_ERR_OK);
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    cs_insn *insn = cs_malloc(handle);
    for (unsigned int i = 0; i < ROUNDS; i++) {
        known += check(handle, insn, next_random(&random));
        /* Each kind of branch, with random fields; BC.cond (bit 4) is not in Capstone 4. */
        check(handle, insn, 0x54000000 | (next_random(&random) & 0x00ffffef));
        check(handle, insn, 0x34000000 | (next_random(&random) & 0x83ffffff));
    }
    cs_free(insn, 1);
    cs_close(&handle);
    assert_true(known > ROUNDS / 4);
}

static void known_instructions(void **state)
{
    (void)state;
    int64_t offset = 0;
    assert_true(a64_conditional_branch(0x54ffffe0, &offset)); /* b.eq .-4 */
    assert_int_equal(offset, -4);
    assert_true(a64_conditional_branch(0x54000051, &offset)); /* bc.ne .+8 */
    assert_int_equal(offset, 8);
    assert_false(a64_conditional_branch(0x5400004e, &offset)); /* b.al .+8 */
    assert_true(a64_conditional_branch(0xb707ffe1, &offset));  /* tbnz x1, #32, .-4 */
    assert_int_equal(offset, -4);

    static const uint32_t harmless[] = {
        0xd503201f, /* nop */
        0xd503245f, /* bti c */
        0xd5033fdf, /* isb */
        0xd5033f9f, /* dsb sy */
        0x91000421, /* add x1, x1, #1 */
        0x9ac20820, /* udiv x0, x1, x2 */
        0xdac01020, /* clz x0, x1 */
    };
    static const uint32_t faulting[] = {
        0xf9400020, /* ldr x0, [x1] */
        0xa9bf7bfd, /* stp x29, x30, [sp, #-16]! */
        0x58000040, /* ldr x0, .+8 */
        0xd50b7421, /* dc zva, x1 */
        0xd5384100, /* mrs x0, sp_el0 */
        0xd51c1100, /* msr hcr_el2, x0 */
        0xd503233f, /* paciasp */
        0xdac10020, /* pacia x0, x1 */
        0x1e622820, /* fadd d0, d1, d2 */
        0xa540a000, /* ld1w, of SVE */
        0xc8a07c41, /* cas x0, x1, [x2] */
    };
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        assert_false(a64_may_fault(harmless[i]));
    }
    for (size_t i = 0; i < sizeof faulting / sizeof faulting[0]; i++) {
        assert_true(a64_may_fault(faulting[i]));
    }
    assert_int_equal(a64_writes_sctlr(0xd5181009), 1); /* msr sctlr_el1, x9 */
    assert_int_equal(a64_writes_sctlr(0xd51d1000), 1); /* msr sctlr_el12, x0 */
    assert_int_equal(a64_writes_sctlr(0xd51c1003), 2);
    assert_int_equal(a64_writes_sctlr(0xd51e101f), 3);
    assert_int_equal(a64_writes_sctlr(0xd5381009), 0); /* mrs */
    assert_int_equal(a64_writes_sctlr(0xd5181029), 0); /* actlr */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_instructions),
        cmocka_unit_test(agrees_with_capstone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
