#include "cmocka_includes.h"
#include "fake_console.h"

#include <arch/esr.h>

static uint64_t esr(unsigned ec, unsigned iss)
{
    return (uint64_t)ec << 26 | 1ULL << 25 | iss;
}

static void classes_have_words(void **state)
{
    (void)state;
    assert_string_equal(esr_class_text(esr(0x00, 0)), "unknown reason (undefined instruction)");
    assert_string_equal(esr_class_text(esr(0x15, 0)), "SVC (AArch64)");
    assert_string_equal(esr_class_text(esr(0x25, 0)), "data abort from the same EL");
    assert_string_equal(esr_class_text(esr(0x26, 0)), "SP alignment fault");
    assert_string_equal(esr_class_text(esr(0x3C, 0)), "BRK (AArch64)");
    assert_string_equal(esr_class_text(esr(0x02, 0)), "reserved exception class");
    /* Bits above EC (ISS2) must not confuse the class. */
    assert_string_equal(esr_class_text(1ULL << 33 | esr(0x24, 0)), "data abort from a lower EL");
}

static void fault_status_has_words(void **state)
{
    (void)state;
    assert_string_equal(esr_fault_status_text(esr(0x25, 0x04)), "translation fault, level 0");
    assert_string_equal(esr_fault_status_text(esr(0x25, 0x0F)), "permission fault, level 3");
    assert_string_equal(esr_fault_status_text(esr(0x21, 0x21)), "alignment fault");
    assert_string_equal(esr_fault_status_text(esr(0x25, 0x3F)), "reserved fault status");
}

static void knows_when_far_means_something(void **state)
{
    (void)state;
    for (unsigned ec = 0; ec < 64; ec++) {
        bool abort = ec == 0x20 || ec == 0x21 || ec == 0x24 || ec == 0x25;
        bool far = abort || ec == 0x22 || ec == 0x34 || ec == 0x35;

        assert_int_equal(esr_is_abort(esr(ec, 0)), abort);
        assert_int_equal(esr_has_far(esr(ec, 0)), far);
        /* FnV, bit 10, says that an abort left FAR unknown. */
        assert_int_equal(esr_has_far(esr(ec, 1U << 10)), far && !abort);
    }
}

static void prints_one_story(void **state)
{
    (void)state;
    fake_console_clear();
    esr_print(esr(0x25, 1U << 6 | 0x0F), 0xFFFFFFFF40080000ULL);
    assert_string_equal(fake_console_text(),
                        "  esr 0x9600004f: data abort from the same EL: permission fault, level 3, "
                        "on a write\n  far 0xffffffff40080000\n");
    fake_console_clear();
    esr_print(esr(0x24, 0x0F), 0x1000);
    assert_string_equal(fake_console_text(),
                        "  esr 0x9200000f: data abort from a lower EL: permission fault, level 3, "
                        "on a read\n  far 0x0000000000001000\n");
    fake_console_clear();
    esr_print(esr(0x21, 0x06), 0x1000);
    assert_string_equal(fake_console_text(),
                        "  esr 0x86000006: instruction abort from the same EL: "
                        "translation fault, level 2\n"
                        "  far 0x0000000000001000\n");
    fake_console_clear();
    esr_print(esr(0x00, 0), 0x1234);
    assert_string_equal(fake_console_text(), "  esr 0x02000000: unknown reason (undefined "
                                             "instruction)\n  far not valid\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_have_words),
        cmocka_unit_test(fault_status_has_words),
        cmocka_unit_test(knows_when_far_means_something),
        cmocka_unit_test(prints_one_story),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
