/* sysreg-before-use: data accesses behind the first write of SCTLR, whose EE was unknown. */
#include "boot_trace.h"

#define RULE           "sysreg-before-use"

#define OP_STR_X1      UINT32_C(0xf9000041) /* [x2] */
#define OP_STR_WZR     UINT32_C(0xb900005f)
#define OP_STUR_XZR    UINT32_C(0xf800805f)
#define OP_STR_POST    UINT32_C(0xf800845f) /* XZR, [x2], #8 */
#define OP_STP_ZEROS   UINT32_C(0xa8817c5f)
#define OP_STP_X1_XZR  UINT32_C(0xa9007c41)
#define OP_STP_XZR_X1  UINT32_C(0xa900045f)
#define OP_STR_D31     UINT32_C(0xfd00005f)
#define OP_STADD       UINT32_C(0xf821005f) /* x1 */
#define SIZE_OF_ACCESS 8
#define EE             (UINT64_C(1) << 25)

static struct boot boot;

/* An access by an instruction that the trace has. */
static void use(uint8_t el, uint32_t opcode, uint32_t bytes, bool write)
{
    build_block(&boot.build, 0, el, boot.pc, boot.pc, &opcode, 1);
    const struct trace_event event = {
        .pc = boot.pc,
        .pc_pa = boot.pc,
        .va = LOW_DATA,
        .pa = LOW_DATA,
        .opcode = bytes,
        .kind = TRACE_EVENT_ACCESS,
        .flags = write ? TRACE_EVENT_WRITE : 0,
        .el = el,
    };
    build_event(&boot.build, &event);
    boot.pc += 4;
}

static void only_what_has_a_byte_order_counts(void **state)
{
    (void)state;
    const struct {
        uint32_t opcode, bytes;
        bool write;
        size_t notes;
    } uses[] = {
        {OP_STR_X1, 8, true, 1},    {OP_STR_X1, 8, false, 1},    {OP_STR_X1, 1, true, 0},
        {OP_STR_WZR, 4, true, 0},   {OP_STUR_XZR, 8, true, 0},   {OP_STR_POST, 8, true, 0},
        {OP_STP_ZEROS, 8, true, 0}, {OP_STP_X1_XZR, 8, true, 1}, {OP_STP_XZR_X1, 8, true, 1},
        {OP_STR_D31, 8, true, 1},   {OP_STADD, 8, true, 1},      {OP_STR_WZR, 4, false, 1},
    };
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        boot_begin(&boot);
        boot_msr(&boot, A64_SCTLR_EL1, SCTLR_OFF);
        use(1, uses[i].opcode, uses[i].bytes, uses[i].write);
        boot_expect(&boot, RULE, 0, uses[i].notes);
    }
}

static void it_is_told_once_and_of_the_first_access(void **state)
{
    (void)state;
    boot_begin(&boot);
    uint64_t write = boot_msr(&boot, A64_SCTLR_EL1, SCTLR_OFF);
    use(1, OP_STP_ZEROS, SIZE_OF_ACCESS, true);
    uint64_t first = boot.pc;
    use(1, OP_STR_X1, SIZE_OF_ACCESS, true);
    use(1, OP_STR_X1, SIZE_OF_ACCESS, false);
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    assert_true(result.findings[0].write.event == write);
    assert_true(result.findings[0].consumer.pc == first);
    assert_true(result.findings[0].consumer.address == LOW_DATA);
    assert_non_null(strstr(result.findings[0].detail, "little endian"));
    order_result_free(&result);
}

static void a_cse_or_a_write_before_ends_it(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_OFF);
    boot_isb(&boot);
    use(1, OP_STR_X1, SIZE_OF_ACCESS, true);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_OFF);
    use(1, OP_STR_X1, SIZE_OF_ACCESS, true);
    boot_expect(&boot, RULE, 0, 0);
}

/* With the MMU on from the first write it is the translation that is judged, an error. */
static void the_mmu_coming_on_is_another_matter(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, false);
    use(1, OP_STR_X1, SIZE_OF_ACCESS, true);
    boot_expect(&boot, RULE, 0, 0);
}

static void each_level_has_its_own(void **state)
{
    (void)state;
    for (unsigned int own = 0; own <= 1; own++) {
        boot_begin(&boot);
        build_insn(&boot.build, 0, 2, boot.pc, OP_MSR(A64_SCTLR_EL2, 0), SCTLR_OFF | EE);
        if (own == 0) {
            build_insn(&boot.build, 0, 2, boot.pc, OP_ISB, 0);
            build_insn(&boot.build, 0, 2, boot.pc, OP_MSR(A64_SCTLR_EL1, 0), SCTLR_OFF);
        }
        use(2, OP_STR_X1, SIZE_OF_ACCESS, true);
        boot_expect(&boot, RULE, 0, own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_has_a_byte_order_counts),
        cmocka_unit_test(it_is_told_once_and_of_the_first_access),
        cmocka_unit_test(a_cse_or_a_write_before_ends_it),
        cmocka_unit_test(the_mmu_coming_on_is_another_matter),
        cmocka_unit_test(each_level_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
