/* Judging: budgets both ways, PSCI, the deny rule, baselines, and what overflowed. */
#include "gate_fixture.h"

#include <stdio.h>

static struct pack pack;
static struct tally tally;
static struct tally baseline;
static struct judgement judgement;

/* Judge `log` by the allow rules and message rules given as YAML list items. */
static void run(const char *allow, const char *messages, const char *log, const char *base,
                uint32_t max_sites)
{
    char text[2048];
    snprintf(text, sizeof(text), "faults:\n  deny: all-others\n  allow: [%s]\n  messages: [%s]\n",
             allow, messages);
    load_pack(&pack, text, NULL);
    struct message_matcher matcher = pack_message_matcher(&pack);
    tally_chunked(&tally, max_sites, &matcher, log, strlen(log), 0);
    if (base != NULL) {
        tally_chunked(&baseline, max_sites, &matcher, base, strlen(base), 0);
    }
    assert_true(judge(&judgement, &pack, &tally, base == NULL ? NULL : &baseline));
}

static void done(void)
{
    judgement_free(&judgement);
    tally_free(&tally);
    tally_free(&baseline);
    pack_free(&pack);
}

static enum exit_code exit_of(const char *allow, const char *messages, const char *log)
{
    run(allow, messages, log, NULL, 64);
    enum exit_code code = judgement.exit_code;
    done();
    return code;
}

static void budgets_bound_both_ways(void **state)
{
    static const char two[] = "{id: a, class: SVC, count: 2, why: w}";
    static const char range[] = "{id: a, class: SVC, min: 1, max: 2, why: w}";
    static const char plain[] = "{id: a, class: SVC, why: w}";
    static const char zero[] = "{id: a, class: SVC, min: 0, why: w}";
    (void)state;
    assert_int_equal(exit_of(two, "", SVC_RECORD), EXIT_BROKEN);
    assert_int_equal(exit_of(two, "", SVC_RECORD SVC_RECORD), EXIT_HELD);
    assert_int_equal(exit_of(two, "", SVC_RECORD SVC_RECORD SVC_RECORD), EXIT_BROKEN);
    assert_int_equal(exit_of(range, "", ""), EXIT_BROKEN);
    assert_int_equal(exit_of(range, "", SVC_RECORD), EXIT_HELD);
    assert_int_equal(exit_of(range, "", SVC_RECORD SVC_RECORD SVC_RECORD), EXIT_BROKEN);
    assert_int_equal(exit_of(plain, "", ""), EXIT_BROKEN);
    assert_int_equal(exit_of(plain, "", SVC_RECORD SVC_RECORD), EXIT_HELD);
    assert_int_equal(exit_of(zero, "", ""), EXIT_HELD);
}

static void an_empty_log_holds_only_where_nothing_must_come(void **state)
{
    (void)state;
    assert_int_equal(exit_of("", "", ""), EXIT_HELD);
    assert_int_equal(exit_of("{id: a, class: SVC, why: w}", "", ""), EXIT_BROKEN);
}

static void what_no_rule_allows_is_denied(void **state)
{
    (void)state;
    run("{id: a, class: SVC, why: w}", "", SVC_RECORD DATA_ABORT_RECORD "hello\nhello\n", NULL, 64);
    assert_int_equal(judgement.exit_code, EXIT_BROKEN);
    assert_int_equal(judgement.faults[0].verdict, VERDICT_HELD);
    assert_int_equal(judgement.deny.verdict, VERDICT_BROKEN);
    assert_int_equal(judgement.denied_records, 1);
    assert_int_equal(judgement.denied_lines, 2);
    assert_int_equal(judgement.denied_texts, 1);
    assert_int_equal(judgement.sites[0].denied, 0);
    assert_int_equal(judgement.sites[0].rule, 0);
    assert_int_equal(judgement.sites[1].denied, 1);
    assert_int_equal(judgement.sites[1].rule, -1);
    done();
}

static void each_condition_of_a_rule_narrows_it(void **state)
{
    static const char *const fits[] = {"from: EL1", "to: EL1", "ec: 0x25", "fsc: 6"};
    static const char *const does_not[] = {"from: EL0", "to: EL2", "ec: 0x24", "fsc: 7"};
    (void)state;
    for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
        char rule[96];
        snprintf(rule, sizeof(rule), "{id: a, class: DATA_ABORT, %s, why: w}", fits[i]);
        assert_int_equal(exit_of(rule, "", DATA_ABORT_RECORD), EXIT_HELD);
        snprintf(rule, sizeof(rule), "{id: a, class: DATA_ABORT, %s, why: w}", does_not[i]);
        assert_int_equal(exit_of(rule, "", DATA_ABORT_RECORD), EXIT_BROKEN);
    }
}

static void a_symbol_condition_is_a_half_open_range_of_folded_addresses(void **state)
{
    (void)state;
    load_pack(&pack,
              "image: {alias: [{from: 0x40000000, size: 1MiB, by: 0x1000000000}]}\n"
              "faults:\n  deny: all-others\n"
              "  allow: [{id: a, class: DATA_ABORT, at: f, why: w}]\n",
              NULL);
    tally_text(&tally, DATA_ABORT_RECORD);
    const struct {
        uint64_t low, high;
        enum exit_code code;
    } rows[] = {
        {0x1040080050, 0x1040080054, EXIT_HELD},
        {0x1040080000, 0x1040080050, EXIT_BROKEN},
        {0x1040080054, 0x1040080058, EXIT_BROKEN},
        {0x40080050, 0x40080054, EXIT_BROKEN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pack.faults[0].at_low = rows[i].low;
        pack.faults[0].at_high = rows[i].high;
        assert_true(judge(&judgement, &pack, &tally, NULL));
        assert_int_equal(judgement.exit_code, rows[i].code);
        judgement_free(&judgement);
    }
    done();
}

static void a_call_is_at_the_instruction_before_its_return_address(void **state)
{
    const struct site_key svc = {.class = CLASS_SVC, .elr = 0x404};
    const struct site_key abort = {.class = CLASS_DATA_ABORT, .elr = 0x404};
    (void)state;
    assert_int_equal(site_pc(&svc), 0x400);
    assert_int_equal(site_pc(&abort), 0x404);
}

static void the_first_rule_that_matches_counts(void **state)
{
    (void)state;
    run("{id: narrow, class: SVC, from: EL0, max: 1, why: w}, {id: wide, class: SVC, why: w}", "",
        SVC_RECORD SVC_RECORD, NULL, 64);
    assert_int_equal(judgement.faults[0].counted, 2);
    assert_int_equal(judgement.faults[0].verdict, VERDICT_BROKEN);
    assert_int_equal(judgement.faults[1].counted, 0);
    done();
}

#define OFF "{id: off, class: [HVC, SMC], psci: SYSTEM_OFF, count: 1, why: w}"

static const char TAKEN_CALL[] = "Taking exception 11 [Hypervisor Call] on CPU 0\n"
                                 "...from EL1 to EL2\n...with ESR 0x16/0x5a000000\n"
                                 "...with ELR 0x40080050\n...to EL2 PC 0x400 PSTATE 0x3c9\n";

static void power_off_is_the_psci_call_that_ends_the_log(void **state)
{
    (void)state;
    assert_int_equal(exit_of(OFF, "", PSCI_RECORD), EXIT_HELD);
    assert_int_equal(exit_of(OFF ", {id: s, class: SVC, why: w}", "", SVC_RECORD PSCI_RECORD),
                     EXIT_HELD);
    assert_int_equal(exit_of(OFF ", {id: s, class: SVC, why: w}", "", PSCI_RECORD SVC_RECORD),
                     EXIT_BROKEN);
    assert_int_equal(exit_of(OFF, "", PSCI_RECORD PSCI_RECORD), EXIT_BROKEN);
    assert_int_equal(exit_of(OFF, "", TAKEN_CALL), EXIT_BROKEN);
    assert_int_equal(exit_of("{id: on, psci: CPU_ON, min: 0, why: w}", "", TAKEN_CALL),
                     EXIT_BROKEN);
    assert_int_equal(exit_of("{id: hvc, class: HVC, why: w}", "", TAKEN_CALL), EXIT_HELD);
}

static void other_psci_calls_fill_their_rules_in_order(void **state)
{
    (void)state;
    run("{id: v, psci: VERSION, count: 1, why: w}, {id: on, psci: CPU_ON, count: 2, why: w}, " OFF,
        "", PSCI_RECORD PSCI_RECORD PSCI_RECORD PSCI_RECORD, NULL, 64);
    assert_int_equal(judgement.exit_code, EXIT_HELD);
    assert_int_equal(judgement.faults[0].counted, 1);
    assert_int_equal(judgement.faults[1].counted, 2);
    assert_int_equal(judgement.faults[2].counted, 1);
    done();
    run("{id: v, psci: VERSION, count: 1, why: w}, " OFF, "", PSCI_RECORD PSCI_RECORD PSCI_RECORD,
        NULL, 64);
    assert_int_equal(judgement.faults[0].counted, 2);
    assert_int_equal(judgement.exit_code, EXIT_BROKEN);
    done();
}

static void messages_have_budgets_too(void **state)
{
    static const char rule[] = "{id: m, match: 'gic*', max: 2, why: w}";
    static const char must[] = "{id: m, match: 'gic*', min: 1, why: w}";
    (void)state;
    assert_int_equal(exit_of("", rule, ""), EXIT_HELD);
    assert_int_equal(exit_of("", rule, "gic 1\ngic 2\n"), EXIT_HELD);
    assert_int_equal(exit_of("", rule, "gic 1\ngic 2\ngic 3\n"), EXIT_BROKEN);
    assert_int_equal(exit_of("", rule, "uart\n"), EXIT_BROKEN);
    assert_int_equal(exit_of("", must, ""), EXIT_BROKEN);
    assert_int_equal(exit_of("", must, "gic\n"), EXIT_HELD);
}

static void a_damaged_log_is_not_judged_whatever_it_holds(void **state)
{
    (void)state;
    assert_int_equal(exit_of("", "", "x"), EXIT_NOT_JUDGED);
    assert_int_equal(exit_of("{id: a, class: SVC, why: w}", "", SVC_RECORD "Taking exc"),
                     EXIT_NOT_JUDGED);
    assert_int_equal(exit_of("", "", "...with ELR 0x0\n"), EXIT_NOT_JUDGED);
}

static void a_baseline_leaves_only_what_is_new(void **state)
{
    (void)state;
    run("{id: a, class: SVC, count: 7, why: w}", "", SVC_RECORD DATA_ABORT_RECORD "old\n",
        DATA_ABORT_RECORD "old\n", 64);
    assert_int_equal(judgement.exit_code, EXIT_HELD);
    assert_int_equal(judgement.faults[0].verdict, VERDICT_NOT_JUDGED);
    done();
    run("", "", SVC_RECORD DATA_ABORT_RECORD "old\nnew\n", DATA_ABORT_RECORD "old\n", 64);
    assert_int_equal(judgement.exit_code, EXIT_BROKEN);
    assert_int_equal(judgement.denied_records, 1);
    assert_int_equal(judgement.sites[0].denied, 1);
    assert_int_equal(judgement.sites[1].denied, 0);
    assert_int_equal(judgement.denied_texts, 1);
    done();
    run("", "", DATA_ABORT_RECORD, DATA_ABORT_RECORD "torn", 64);
    assert_int_equal(judgement.exit_code, EXIT_NOT_JUDGED);
    done();
}

static void an_interrupt_is_known_by_class_and_level(void **state)
{
    static const char elsewhere[] =
        "Taking exception 5 [IRQ] on CPU 0\n...from EL1 to EL1\n...with ESR 0x0/0x0\n"
        "...with ELR 0x40081234\n...to EL1 PC 0x40080a80 PSTATE 0x3c5\n";
    (void)state;
    run("", "", elsewhere, IRQ_RECORD, 64);
    assert_int_equal(judgement.exit_code, EXIT_HELD);
    done();
    run("", "", elsewhere, SVC_RECORD, 64);
    assert_int_equal(judgement.exit_code, EXIT_BROKEN);
    done();
}

/* `count` data aborts, each at its own address. */
static const char *many_sites(unsigned first, unsigned count)
{
    static char text[64 * 256];
    size_t used = 0;
    for (unsigned i = first; i < first + count; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "Taking exception 4 [Data Abort] on CPU 0\n...from EL1 to EL1\n"
                                 "...with ESR 0x25/0x96000046\n...with FAR 0x10\n"
                                 "...with ELR 0x%x\n...to EL1 PC 0x40080a00 PSTATE 0x3c5\n",
                                 0x40080000 + 4 * i);
    }
    return text;
}

static void overflow_is_judged_by_class_or_left_open(void **state)
{
    (void)state;
    run("{id: a, class: DATA_ABORT, count: 10, why: w}", "", many_sites(0, 10), NULL, 4);
    assert_int_equal(tally.sites.count, 4);
    assert_int_equal(tally.sites.overflow, 6);
    assert_int_equal(judgement.exit_code, EXIT_HELD);
    assert_int_equal(judgement.faults[0].counted, 10);
    done();
    run("{id: a, class: DATA_ABORT, count: 9, why: w}", "", many_sites(0, 10), NULL, 4);
    assert_int_equal(judgement.exit_code, EXIT_BROKEN);
    done();
    run("{id: a, class: DATA_ABORT, fsc: 6, count: 10, why: w}", "", many_sites(0, 10), NULL, 4);
    assert_int_equal(judgement.exit_code, EXIT_NOT_JUDGED);
    assert_int_equal(judgement.faults[0].verdict, VERDICT_UNDECIDED);
    assert_int_equal(judgement.faults[0].maybe, 6);
    done();
    run("", "", many_sites(0, 10), NULL, 4);
    assert_int_equal(judgement.exit_code, EXIT_BROKEN);
    assert_int_equal(judgement.denied_records, 10);
    assert_int_equal(judgement.denied_overflow, 6);
    done();
}

static void overflow_in_a_baseline_leaves_new_sites_open(void **state)
{
    static char base[64 * 256];
    (void)state;
    snprintf(base, sizeof(base), "%s", many_sites(0, 10));
    run("", "", many_sites(20, 1), base, 4);
    assert_int_equal(judgement.exit_code, EXIT_NOT_JUDGED);
    assert_true(judgement.sites[0].undecided);
    done();
    run("", "", SVC_RECORD, base, 4);
    assert_int_equal(judgement.exit_code, EXIT_BROKEN);
    done();
}

static void overflow_is_compared_with_a_baseline_by_class(void **state)
{
    static char log[64 * 256];
    (void)state;
    snprintf(log, sizeof(log), "%s", many_sites(0, 6));
    run("", "", log, log, 4); /* the same, but two of each are known by class only */
    assert_int_equal(judgement.exit_code, EXIT_NOT_JUDGED);
    assert_int_equal(judgement.undecided, 2);
    done();
    run("", "", log, SVC_RECORD, 4);
    assert_int_equal(judgement.exit_code, EXIT_BROKEN);
    assert_int_equal(judgement.denied_records, 6);
    done();
}

static void messages_beyond_a_table_are_left_open_under_a_baseline(void **state)
{
    static char many[(MAX_MESSAGES + 20) * 16];
    size_t used = 0;
    (void)state;
    for (int i = 0; i <= MAX_MESSAGES; i++) {
        used += (size_t)snprintf(many + used, sizeof(many) - used, "m %d\n", i);
    }
    run("", "", "other\n", many, 4);
    assert_int_equal(judgement.exit_code, EXIT_NOT_JUDGED);
    done();
    run("", "", many, many, 4);
    assert_int_equal(judgement.exit_code, EXIT_NOT_JUDGED);
    assert_int_equal(judgement.undecided, 1);
    done();
}

static void the_call_that_ends_the_log_is_found_in_the_overflow(void **state)
{
    static char text[64 * 256 + sizeof(PSCI_RECORD PSCI_RECORD)];
    (void)state;
    snprintf(text, sizeof(text), "%s%s", many_sites(0, 4), PSCI_RECORD PSCI_RECORD);
    run("{id: d, class: DATA_ABORT, why: w}, {id: v, psci: VERSION, count: 1, why: w}, " OFF, "",
        text, NULL, 4);
    assert_int_equal(tally.sites.overflow, 2);
    assert_int_equal(judgement.exit_code, EXIT_HELD);
    done();
}

static void interrupts_leave_room_for_faults(void **state)
{
    static char text[64 * 256];
    size_t used = 0;
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "Taking exception 5 [IRQ] on CPU 0\n...from EL1 to EL1\n"
                                 "...with ESR 0x0/0x0\n...with ELR 0x%x\n"
                                 "...to EL1 PC 0x40080a80 PSTATE 0x3c5\n",
                                 0x40080000 + 4 * i);
    }
    snprintf(text + used, sizeof(text) - used, "%s", DATA_ABORT_RECORD);
    run("{id: i, class: IRQ, count: 20, why: w}", "", text, NULL, 8);
    assert_int_equal(tally.sites.count, 3);
    assert_int_equal(tally.sites.overflow, 18);
    assert_int_equal(judgement.faults[0].counted, 20);
    assert_int_equal(judgement.sites[2].denied, 1);
    done();
}

static void messages_beyond_the_table_still_meet_their_rules(void **state)
{
    static char text[(MAX_MESSAGES + 20) * 16];
    size_t used = 0;
    (void)state;
    for (int i = 0; i < MAX_MESSAGES; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "m %d\n", i);
    }
    used += (size_t)snprintf(text + used, sizeof(text) - used, "m last\nm last\n");
    run("", "{id: m, match: 'm *', count: 4098, why: w}", text, NULL, 8);
    assert_int_equal(tally.messages.overflow, 2);
    assert_int_equal(judgement.exit_code, EXIT_HELD);
    done();
    snprintf(text + used, sizeof(text) - used, "other\n");
    run("", "{id: m, match: 'm *', count: 4098, why: w}", text, NULL, 8);
    assert_int_equal(judgement.exit_code, EXIT_BROKEN);
    assert_int_equal(judgement.denied_lines, 1);
    assert_int_equal(tally.messages.overflow_first_line, MAX_MESSAGES + 3);
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budgets_bound_both_ways),
        cmocka_unit_test(an_empty_log_holds_only_where_nothing_must_come),
        cmocka_unit_test(what_no_rule_allows_is_denied),
        cmocka_unit_test(each_condition_of_a_rule_narrows_it),
        cmocka_unit_test(a_symbol_condition_is_a_half_open_range_of_folded_addresses),
        cmocka_unit_test(a_call_is_at_the_instruction_before_its_return_address),
        cmocka_unit_test(the_first_rule_that_matches_counts),
        cmocka_unit_test(power_off_is_the_psci_call_that_ends_the_log),
        cmocka_unit_test(other_psci_calls_fill_their_rules_in_order),
        cmocka_unit_test(messages_have_budgets_too),
        cmocka_unit_test(a_damaged_log_is_not_judged_whatever_it_holds),
        cmocka_unit_test(a_baseline_leaves_only_what_is_new),
        cmocka_unit_test(an_interrupt_is_known_by_class_and_level),
        cmocka_unit_test(overflow_is_judged_by_class_or_left_open),
        cmocka_unit_test(overflow_in_a_baseline_leaves_new_sites_open),
        cmocka_unit_test(overflow_is_compared_with_a_baseline_by_class),
        cmocka_unit_test(messages_beyond_a_table_are_left_open_under_a_baseline),
        cmocka_unit_test(the_call_that_ends_the_log_is_found_in_the_overflow),
        cmocka_unit_test(interrupts_leave_room_for_faults),
        cmocka_unit_test(messages_beyond_the_table_still_meet_their_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
