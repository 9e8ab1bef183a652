/*
 * What is known of a CPU: registers by written values, the level by exceptions and ERET; and
 * operands from a list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "a64_system.h"
#include "operand_feed.h"
#include "system_state.h"
#include "trace_events.h"

enum { M = 1, C = 4, VBAR1 = 0x40080800, VBAR2 = 0x40090000 };

static struct system_state fresh(void)
{
    struct system_state state;
    state_reset(&state);
    return state;
}

static void caches_by_level(void **unused)
{
    (void)unused;
    struct system_state state = fresh();
    assert_true(state.mmu_off && state.caches_off && !state.caches_on);
    state_set_el(&state, 1);
    state_write(&state, STATE_SCTLR_EL1, true, M);
    assert_true(!state.mmu_off && state.caches_off && !state.caches_on);
    state_write(&state, STATE_SCTLR_EL1, true, M | C);
    assert_true(!state.caches_off && state.caches_on);
    state_set_el(&state, 0);
    assert_true(state.caches_on);
    state_set_el(&state, 2); /* its own is off */
    assert_true(state.mmu_off && state.caches_off);
    state_set_el(&state, 1);
    state_write(&state, STATE_SCTLR_EL1, true, C);
    assert_true(state.mmu_off && state.caches_off);
    state_write(&state, STATE_SCTLR_EL1, false, 0); /* unknown: neither */
    assert_true(!state.mmu_off && !state.caches_off && !state.caches_on);
    assert_true(state_el1_mmu_on(&state));
}

static void level_unknown(void **unused)
{
    (void)unused;
    struct system_state state = fresh();
    state_write(&state, STATE_SCTLR_EL2, true, M | C); /* who writes it runs there */
    assert_true(state.caches_on);
    assert_false(state_el1_mmu_on(&state));
}

static void names(void **unused)
{
    (void)unused;
    assert_int_equal(state_register_of(A64_TTBR0_EL12), STATE_TTBR0_EL1);
    assert_int_equal(state_register_of(A64_SCTLR_EL3), STATE_SCTLR_EL3);
    assert_int_equal(state_register_of(A64_SPSR_EL2), STATE_SPSR_EL2);
    assert_int_equal(state_register_of(A64_CPACR_EL1), STATE_REGISTERS);
}

static void entries(void **unused)
{
    (void)unused;
    struct system_state state = fresh();
    struct state_entry entry;
    assert_false(state.vectors_known);
    assert_false(state_is_entry(&state, VBAR1, &entry));
    state_write(&state, STATE_VBAR_EL1, true, VBAR1);
    assert_true(state.vectors_known);
    assert_true(state_is_entry(&state, VBAR1 + 0x200, &entry));
    assert_int_equal(entry.vbar, VBAR1);
    assert_int_equal(entry.offset, 0x200);
    assert_int_equal(entry.el, 1);
    assert_int_equal(entry.from, 1);
    assert_true(state_is_entry(&state, VBAR1 + 0x780, &entry));
    assert_int_equal(entry.from, 0);
    assert_false(state_is_entry(&state, VBAR1 + 0x204, &entry));
    assert_false(state_is_entry(&state, VBAR1 + 0x800, &entry));
    assert_false(state_is_entry(&state, VBAR1 - 0x80, &entry));
    state_write(&state, STATE_VBAR_EL1, false, 0);
    assert_false(state_is_entry(&state, VBAR1 + 0x200, &entry));
}

/* One table for two levels: the vector and the level that runs tell whose it is. */
static void entry_of_shared_table(void **unused)
{
    (void)unused;
    struct system_state state = fresh();
    struct state_entry entry;
    state_write(&state, STATE_VBAR_EL1, true, VBAR1);
    state_write(&state, STATE_VBAR_EL2, true, VBAR1);
    state_set_el(&state, 1);
    assert_true(state_is_entry(&state, VBAR1 + 0x200, &entry));
    assert_int_equal(entry.el, 1);
    assert_true(state_is_entry(&state, VBAR1 + 0x400, &entry));
    assert_int_equal(entry.el, 2);
    assert_int_equal(entry.from, 1);
    state_set_el(&state, 2);
    assert_true(state_is_entry(&state, VBAR1 + 0x200, &entry));
    assert_int_equal(entry.el, 2);
    state_set_el(&state, TRACE_EL_UNKNOWN);
    assert_true(state_is_entry(&state, VBAR1 + 0x400, &entry));
    assert_int_equal(entry.el, 2);
    assert_int_equal(entry.from, TRACE_EL_UNKNOWN);
}

static void there_and_back(void **unused)
{
    (void)unused;
    struct system_state state = fresh();
    struct state_entry entry;
    state_set_el(&state, 0);
    state_write(&state, STATE_VBAR_EL1, true, VBAR1);
    assert_true(state_is_entry(&state, VBAR1 + 0x400, &entry));
    state_enter(&state, &entry);
    assert_int_equal(state.el, 1);
    state_exception_return(&state);
    assert_int_equal(state.el, 0);
    state_enter(&state, &entry);
    state_write(&state, STATE_SPSR_EL1, true, 0x3c5); /* to EL1h instead */
    state_exception_return(&state);
    assert_int_equal(state.el, 1);
    state_write(&state, STATE_SPSR_EL1, true, 0x10); /* AArch32 User */
    state_exception_return(&state);
    assert_int_equal(state.el, 0);
    state_set_el(&state, 1);
    state_write(&state, STATE_SPSR_EL1, false, 0);
    state_exception_return(&state);
    assert_int_equal(state.el, TRACE_EL_UNKNOWN);
    state_exception_return(&state); /* nobody knows whose SPSR */
    assert_int_equal(state.el, TRACE_EL_UNKNOWN);
}

static void down_from_el2(void **unused)
{
    (void)unused;
    struct system_state state = fresh();
    state_set_el(&state, 2);
    state_write(&state, STATE_SPSR_EL2, true, 0x3c5);
    state_exception_return(&state);
    assert_int_equal(state.el, 1);
}

static int one_table(void *context, uint64_t pa, uint64_t *value)
{
    (void)context;
    *value = pa == 0x40210008 ? 0x40000701 : 0; /* 1 GiB at 1 GiB */
    return 0;
}

static void translation(void **unused)
{
    (void)unused;
    struct system_state state = fresh();
    uint64_t pa = 0;
    state_set_el(&state, 1);
    assert_true(state_translate(&state, one_table, NULL, 0x1234, &pa));
    assert_int_equal(pa, 0x1234);
    state_write(&state, STATE_SCTLR_EL1, true, M | C);
    assert_false(state_translate(&state, one_table, NULL, 0x40001234, &pa));
    state_write(&state, STATE_TCR_EL1, true, 0x80993519);
    assert_false(state_translate(&state, one_table, NULL, 0x40001234, &pa));
    state_write(&state, STATE_TTBR0_EL1, true, 0x40210000);
    assert_true(state_translate(&state, one_table, NULL, 0x40001234, &pa));
    assert_int_equal(pa, 0x40001234);
    assert_false(state_translate(&state, one_table, NULL, 0x1234, &pa)); /* not mapped */
    assert_false(state_translate(&state, one_table, NULL, UINT64_MAX, &pa));
    state_set_el(&state, 2);
    state_write(&state, STATE_SCTLR_EL2, true, M);
    state_set_el(&state, 2);
    assert_false(state_translate(&state, one_table, NULL, 0x40001234, &pa));
}

static bool open_text(struct operand_feed *feed, const char *text, char *error)
{
    char path[] = "/tmp/rig-feed-XXXXXX";
    int fd = mkstemp(path);
    size_t size = strlen(text);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
    bool good = operand_feed_open(feed, path, error);
    unlink(path);
    return good;
}

static void operands_in_order(void **unused)
{
    (void)unused;
    char error[OPERAND_FEED_ERROR];
    struct operand_feed feed;
    uint64_t value = 0;
    uint8_t el = 0;
    assert_true(open_text(&feed,
                          "site ffff800012345678\nsite 40080000\nsite 4\n-\n"
                          "40080000 ffffffffffffffff 3\nffff800012345678 0 1\n4 7 0\n",
                          error));
    assert_true(operand_feed_has(&feed, 0xffff800012345678));
    assert_true(operand_feed_has(&feed, 4) && operand_feed_has(&feed, 0x40080000));
    assert_false(operand_feed_has(&feed, 8));
    assert_true(operand_feed_take(&feed, 0x40080000, &value, &el));
    assert_true(value == UINT64_MAX && el == 3);
    assert_true(operand_feed_take(&feed, 0xffff800012345678, &value, &el));
    assert_true(value == 0 && el == 1);
    assert_true(operand_feed_take(&feed, 4, &value, &el));
    assert_true(value == 7 && el == 0);
    assert_false(feed.lost);
    assert_false(operand_feed_take(&feed, 4, &value, &el)); /* it ends */
    assert_true(feed.lost);
    operand_feed_close(&feed);
}

static void operands_lost_for_ever(void **unused)
{
    (void)unused;
    static const char *const ARRIVALS[] = {
        "8 1 1\n4 1 1\n", /* another site */
        "4 1 4\n",        /* no level */
        "4 1\n",          "4 1 1 \n", "4\n", "\n", "x 1 1\n", "4 11112222333344445 1\n",
        "4 1 1", /* torn */
    };
    char error[OPERAND_FEED_ERROR];
    char text[128];
    struct operand_feed feed;
    uint64_t value = 0;
    uint8_t el = 0;
    for (size_t i = 0; i < sizeof ARRIVALS / sizeof ARRIVALS[0]; i++) {
        snprintf(text, sizeof text, "site 4\nsite 8\n-\n%s", ARRIVALS[i]);
        assert_true(open_text(&feed, text, error));
        assert_false(operand_feed_take(&feed, 4, &value, &el));
        assert_true(feed.lost);
        assert_false(operand_feed_take(&feed, 4, &value, &el));
        operand_feed_close(&feed);
    }
}

static void many_sites(void **unused)
{
    (void)unused;
    enum { SITES = 5000, LINE = 32 };
    char error[OPERAND_FEED_ERROR];
    struct operand_feed feed;
    char *text = calloc(SITES + 1, LINE);
    size_t at = 0;
    for (unsigned int i = SITES; i > 0; i--) {
        at += (size_t)snprintf(text + at, LINE, "site %x\n", i * 4);
    }
    snprintf(text + at, LINE, "-\n");
    assert_true(open_text(&feed, text, error));
    for (unsigned int i = 1; i <= SITES; i++) {
        assert_true(operand_feed_has(&feed, i * 4));
        assert_false(operand_feed_has(&feed, i * 4 + 1));
    }
    operand_feed_close(&feed);
    free(text);
}

static void no_list(void **unused)
{
    (void)unused;
    static const char *const TEXTS[] = {"",       "-", "site 4\n", "site  4\n-\n", "site 4 \n-\n",
                                        "4 1 1\n"};
    char error[OPERAND_FEED_ERROR];
    struct operand_feed feed;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        error[0] = '\0';
        assert_false(open_text(&feed, TEXTS[i], error));
        assert_true(strncmp(error, "operands=/tmp/rig-feed-", 23) == 0);
        assert_null(feed.text);
    }
    assert_false(operand_feed_open(&feed, "/nonexistent", error));
    assert_string_equal(error, "operands=/nonexistent: No such file or directory");
    assert_false(operand_feed_has(&feed, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caches_by_level),
        cmocka_unit_test(level_unknown),
        cmocka_unit_test(names),
        cmocka_unit_test(entries),
        cmocka_unit_test(entry_of_shared_table),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(down_from_el2),
        cmocka_unit_test(translation),
        cmocka_unit_test(operands_in_order),
        cmocka_unit_test(operands_lost_for_ever),
        cmocka_unit_test(many_sites),
        cmocka_unit_test(no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
