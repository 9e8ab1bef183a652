/* The syndrome decoder, against literal values of DDI 0487. */
#include "gate_fixture.h"

#include "advice.h"
#include "esr_text.h"

static void each_kind_of_syndrome_reads_as_words(void **state)
{
    static const struct {
        uint64_t esr;
        const char *text;
    } rows[] = {
        {0x96000046,
         "data abort from the same EL (EC 0x25), translation fault, level 2 (DFSC 0x06), "
         "write"},
        {0x9200000F, "data abort from a lower EL (EC 0x24), permission fault, level 3 (DFSC 0x0f), "
                     "read"},
        {0x96000150,
         "data abort from the same EL (EC 0x25), synchronous external abort (DFSC 0x10), "
         "cache maintenance or address translation"},
        {0x96000010 | 1U << 10, "data abort from the same EL (EC 0x25), synchronous external abort "
                                "(DFSC 0x10), read, FAR not valid"},
        {0x92000087,
         "data abort from a lower EL (EC 0x24), translation fault, level 3 (DFSC 0x07), "
         "read, on a stage 1 table walk"},
        {0x8600000E,
         "instruction abort from the same EL (EC 0x21), permission fault, level 2 (IFSC "
         "0x0e)"},
        {0x9600003F, "data abort from the same EL (EC 0x25), fault status not in the table (DFSC "
                     "0x3f), read"},
        {0x56000009, "SVC (AArch64) (EC 0x15), immediate 0x9"},
        {0x5A00ABCD, "HVC (AArch64) (EC 0x16), immediate 0xabcd"},
        {0x5E000000, "SMC (AArch64) (EC 0x17), immediate 0x0"},
        {0xF2000007, "BRK (AArch64) (EC 0x3c), comment 0x7"},
        {0x62300461, "trapped MSR, MRS or system instruction (EC 0x18), mrs x3, S3_0_C1_C0_0"},
        {0x6232C3E4, "trapped MSR, MRS or system instruction (EC 0x18), msr S3_3_C0_C2_1, xzr"},
        {0x06000001, "trapped WFI, WFE, WFIT or WFET (EC 0x01), wfe"},
        {0x8A000000, "PC alignment fault (EC 0x22)"},
        {0x02000000, "unknown reason (undefined instruction) (EC 0x00)"},
        {0xFE000000, "exception class not in the table (EC 0x3f)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[ESR_TEXT];
        assert_string_equal(esr_text(rows[i].esr, text), rows[i].text);
    }
}

static void every_syndrome_has_a_text_that_fits(void **state)
{
    (void)state;
    for (uint64_t ec = 0; ec < 64; ec++) {
        for (uint64_t iss = 0; iss < 0x2000000; iss += 0x1111 + (iss & 7)) {
            char text[ESR_TEXT];
            size_t length = strlen(esr_text(ec << 26 | iss, text));
            assert_in_range(length, 1, ESR_TEXT - 2);
        }
    }
}

static void only_aborts_have_a_fault_status(void **state)
{
    (void)state;
    unsigned status = 0;
    assert_true(esr_fault_status(0x96000046, &status));
    assert_int_equal(status, 6);
    assert_true(esr_fault_status(0x8600000E, &status));
    assert_false(esr_fault_status(0x56000006, &status));
    assert_true(esr_far_not_valid(0x96000410));
    assert_false(esr_far_not_valid(0x96000010));
    assert_false(esr_far_not_valid(0x56000400));
}

static void the_advice_follows_class_and_status(void **state)
{
    struct site site = {.key = {.class = CLASS_DATA_ABORT, .esr = 0x96000046}, .count = 1};
    (void)state;
    assert_non_null(strstr(site_advice(&site), "nothing is mapped at FAR"));
    site.key.esr = 0x9600000F;
    assert_non_null(strstr(site_advice(&site), "without that right"));
    site.key.esr = 0x96000021;
    assert_non_null(strstr(site_advice(&site), "not aligned"));
    site.key = (struct site_key){.class = CLASS_INSTRUCTION_ABORT, .esr = 0x86000006};
    assert_non_null(strstr(site_advice(&site), "not mapped executable at that level"));
    site.key.from_el = site.key.to_el = 1;
    site.count = 100000;
    assert_non_null(strstr(site_advice(&site), "VBAR"));
    site.key = (struct site_key){.class = CLASS_UNDEFINED, .esr = 0x1FE00000};
    assert_non_null(strstr(site_advice(&site), "CPACR_EL1.FPEN"));
    for (int class = 0; class < CLASS_COUNT; class ++) {
        site.key = (struct site_key){.class = (uint8_t) class};
        assert_true(strlen(site_advice(&site)) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_syndrome_reads_as_words),
        cmocka_unit_test(every_syndrome_has_a_text_that_fits),
        cmocka_unit_test(only_aborts_have_a_fault_status),
        cmocka_unit_test(the_advice_follows_class_and_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
