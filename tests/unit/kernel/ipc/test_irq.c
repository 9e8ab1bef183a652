/*
 * Interrupt sources and their handlers. The kernel's table is one, and nothing is ever taken out of
 * it, so the tests come in the order of its filling.
 */
#include "cmocka_includes.h"
#include "fake_console.h"
#include "fake_irq.h"

#include <tyrne/irq.h>

static unsigned calls[2];

static void count_call(void *argument)
{
    unsigned *counter = argument;

    (*counter)++;
}

static int setup(void **state)
{
    (void)state;
    fake_irq_reset(1);
    fake_console_clear();
    calls[0] = 0;
    calls[1] = 0;
    return 0;
}

static void only_an_intid_can_be_registered(void **state)
{
    (void)state;
    assert_int_equal(irq_register(IRQ_INTIDS, count_call, &calls[0]), STATUS_OUT_OF_RANGE);
    assert_int_equal(irq_register(1023, count_call, &calls[0]), STATUS_OUT_OF_RANGE);
    assert_int_equal(irq_register(UINT32_MAX, count_call, &calls[0]), STATUS_OUT_OF_RANGE);
    irq_dispatch(0);
    assert_int_equal(calls[0], 0);
}

static void an_unexpected_interrupt_is_reported_once(void **state)
{
    (void)state;
    irq_dispatch(63);
    assert_string_equal(fake_console_text(), "tyrne: unexpected interrupt 63 (reported once)\n");
    fake_console_clear();
    irq_dispatch(63);
    assert_string_equal(fake_console_text(), "");
    /* Others, whatever they have in common with it, and the last. */
    for (unsigned i = 0; i < 2; i++) {
        irq_dispatch(31);
        irq_dispatch(55);
        irq_dispatch(64);
        irq_dispatch(IRQ_INTIDS - 1);
    }
    assert_string_equal(fake_console_text(), "tyrne: unexpected interrupt 31 (reported once)\n"
                                             "tyrne: unexpected interrupt 55 (reported once)\n"
                                             "tyrne: unexpected interrupt 64 (reported once)\n"
                                             "tyrne: unexpected interrupt 1019 (reported once)\n");
}

static void special_numbers_are_nobodys(void **state)
{
    (void)state;
    irq_dispatch(IRQ_INTIDS);
    irq_dispatch(1023);
    irq_dispatch(UINT32_MAX);
    assert_string_equal(fake_console_text(), "");
}

static void a_registered_source_is_let_through_and_handled(void **state)
{
    (void)state;
    assert_int_equal(irq_register(27, count_call, &calls[0]), STATUS_OK);
    assert_true(fake_irq_enabled(27));
    irq_dispatch(27);
    irq_dispatch(27);
    irq_dispatch(28);
    assert_int_equal(calls[0], 2);
    assert_int_equal(calls[1], 0);
    assert_string_equal(fake_console_text(), "tyrne: unexpected interrupt 28 (reported once)\n");
}

static void a_source_has_one_handler(void **state)
{
    (void)state;
    assert_int_equal(irq_register(27, count_call, &calls[1]), STATUS_IN_USE);
    assert_false(fake_irq_enabled(27)); /* not again */
    irq_dispatch(27);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 0);
}

static void the_table_has_an_end(void **state)
{
    (void)state;
    assert_int_equal(irq_register(0, count_call, &calls[1]), STATUS_OK);
    assert_int_equal(irq_register(IRQ_INTIDS - 1, count_call, &calls[1]), STATUS_OK);
    assert_int_equal(irq_register(33, count_call, &calls[1]), STATUS_OK);
    assert_int_equal(irq_register(34, count_call, &calls[1]), STATUS_OBJECTS_EXHAUSTED);
    assert_false(fake_irq_enabled(34));
    assert_int_equal(irq_register(33, count_call, &calls[1]), STATUS_IN_USE);
    assert_int_equal(irq_register(IRQ_INTIDS, count_call, &calls[1]), STATUS_OUT_OF_RANGE);
    irq_dispatch(34);
    assert_int_equal(calls[1], 0);
    irq_dispatch(0);
    irq_dispatch(IRQ_INTIDS - 1);
    irq_dispatch(33);
    assert_int_equal(calls[1], 3);
    assert_int_equal(calls[0], 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_an_intid_can_be_registered), TEST(an_unexpected_interrupt_is_reported_once),
        TEST(special_numbers_are_nobodys),     TEST(a_registered_source_is_let_through_and_handled),
        TEST(a_source_has_one_handler),        TEST(the_table_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
