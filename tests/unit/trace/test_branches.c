/* Conditional branches: the mapper's decoder (Capstone) and the plugin's must agree. */
#include "trace_builder.h"

#include "a64_decode.h"
#include "branches.h"

static csh handle;
static cs_insn *insn;

static int open_capstone(void **state)
{
    (void)state;
    if (cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &handle) != CS_ERR_OK) {
        return -1;
    }
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    insn = cs_malloc(handle);
    return insn == NULL ? -1 : 0;
}

static int close_capstone(void **state)
{
    (void)state;
    cs_free(insn, 1);
    return cs_close(&handle) == CS_ERR_OK ? 0 : -1;
}

static void each_kind_is_told_with_its_target(void **state)
{
    (void)state;
    const struct {
        uint32_t opcode;
        uint64_t target; /* 0: no conditional branch */
    } cases[] = {
        {0x54000040, 0x1008}, /* b.eq .+8 */
        {0x54ffffe1, 0xffc},  /* b.ne .-4 */
        {0x54000050, 0x1008}, /* bc.eq .+8 */
        {0xb4000040, 0x1008}, /* cbz x0, .+8 */
        {0x35ffffe3, 0xffc},  /* cbnz w3, .-4 */
        {0x36080040, 0x1008}, /* tbz w0, #1, .+8 */
        {0xb7f80040, 0x1008}, /* tbnz x0, #63, .+8 */
        {0x5400004e, 0},      /* b.al */
        {0x5400004f, 0},      /* b.nv */
        {0x14000002, 0},      /* b */
        {0x94000002, 0},      /* bl */
        {0xd61f0000, 0},      /* br x0 */
        {0xd65f03c0, 0},      /* ret */
        {0x1a800000, 0},      /* csel */
        {0x00000000, 0},      /* udf */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t target = 0;
        bool branch = branches_decode(handle, insn, cases[i].opcode, 0x1000, &target);
        assert_int_equal(branch, cases[i].target != 0);
        assert_int_equal(branch ? target : 0, cases[i].target);
    }
}

static void the_plugins_decoder_agrees(void **state)
{
    (void)state;
    uint64_t random = 1;
    size_t branches = 0;
    for (unsigned i = 0; i < 400000; i++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        uint32_t opcode = (uint32_t)(random >> 32);
        if (i % 2 == 0) {
            /* Most random words are no branches: lead half of them to where branches are. */
            opcode = (opcode & 0x81ffffff) | ((i / 2 % 2 == 0) ? 0x54000000 : 0x34000000);
        }
        uint64_t target = 0;
        int64_t offset = 0;
        bool own = branches_decode(handle, insn, opcode, 0x40000000, &target);
        bool plugins = a64_conditional_branch(opcode, &offset);
        if (own != plugins || (own && target != 0x40000000 + (uint64_t)offset)) {
            fail_msg("0x%08x: %d, the plugin %d", opcode, own, plugins);
        }
        branches += own;
    }
    assert_true(branches > 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_told_with_its_target),
        cmocka_unit_test(the_plugins_decoder_agrees),
    };
    return cmocka_run_group_tests(tests, open_capstone, close_capstone);
}
