/* The log parser: each line form, damage of each kind, interleaved CPUs, and any cutting. */
#include "gate_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static struct tally tally;

static void a_whole_record_becomes_one_site(void **state)
{
    (void)state;
    tally_text(&tally, DATA_ABORT_RECORD);
    assert_int_equal(tally.records, 1);
    assert_int_equal(tally.sites.count, 1);
    const struct site *site = &tally.sites.sites[0];
    assert_int_equal(site->key.class, CLASS_DATA_ABORT);
    assert_int_equal(site->key.number, 4);
    assert_int_equal(site->key.from_el, 1);
    assert_int_equal(site->key.to_el, 1);
    assert_int_equal(site->key.esr, 0x96000046);
    assert_int_equal(site->key.elr, 0x40080050);
    assert_int_equal(site->far_min, 0x10);
    assert_int_equal(site->first_line, 1);
    assert_int_equal(tally.damage, 0);
    assert_int_equal(tally.parser.lines.in_records, 6);
    tally_free(&tally);
}

static void a_repeated_site_is_counted_and_its_far_range_kept(void **state)
{
    (void)state;
    tally_text(&tally, "noise\n" DATA_ABORT_RECORD
                       "Taking exception 4 [Data Abort] on CPU 0\n...from EL1 to EL1\n"
                       "...with ESR 0x25/0x96000046\n...with FAR 0x8\n...with ELR 0x40080050\n"
                       "...to EL1 PC 0x40080a00 PSTATE 0x3c5\n");
    assert_int_equal(tally.sites.count, 1);
    assert_int_equal(tally.sites.sites[0].count, 2);
    assert_int_equal(tally.sites.sites[0].far_min, 8);
    assert_int_equal(tally.sites.sites[0].far_max, 0x10);
    assert_int_equal(tally.sites.sites[0].first_line, 2);
    tally_free(&tally);
}

static void an_interrupt_keeps_no_stale_esr(void **state)
{
    (void)state;
    tally_text(&tally, IRQ_RECORD);
    assert_int_equal(tally.sites.sites[0].key.flags, SITE_HAS_ELR);
    assert_int_equal(tally.sites.sites[0].key.esr, 0);
    tally_free(&tally);
}

static void a_psci_call_ends_its_record_and_may_end_the_log(void **state)
{
    (void)state;
    tally_text(&tally, SVC_RECORD PSCI_RECORD);
    assert_int_equal(tally.damage, 0);
    assert_int_equal(tally.sites.sites[1].key.flags, SITE_HAS_ESR | SITE_PSCI);
    assert_true(tally.ends_with_psci);
    tally_free(&tally);
    tally_text(&tally, PSCI_RECORD SVC_RECORD);
    assert_false(tally.ends_with_psci);
    tally_free(&tally);
    tally_text(&tally,
               PSCI_RECORD "Exception return from AArch64 EL1 to AArch64 EL0 PC 0x400420\n");
    assert_false(tally.ends_with_psci);
    tally_free(&tally);
    tally_text(&tally, PSCI_RECORD DATA_ABORT_RECORD);
    assert_false(tally.ends_with_psci);
    tally_free(&tally);
}

static void newer_qemu_lines_belong_to_the_record(void **state)
{
    (void)state;
    tally_text(&tally, "Taking exception 25 [Granule Protection Check] on CPU 3\n"
                       "...from EL1 to EL3\n...with ESR 0x1e/0x7a000000\n...with MFAR 0x0\n"
                       "...with FAR 0x10\n...with SPSR 0x800003c5\n...with ELR 0x40080050\n"
                       "...to EL3 PC 0x400 PSTATE 0x3cd\n"
                       "Taking exception 16 [Semihosting call] on CPU 3\n...from EL1 to EL1\n"
                       "...handling as semihosting call 0x18\n");
    assert_int_equal(tally.damage, 0);
    assert_int_equal(tally.records, 2);
    assert_int_equal(tally.sites.sites[0].key.class, CLASS_GRANULE_PROTECTION);
    assert_int_equal(tally.sites.sites[1].key.class, CLASS_SEMIHOSTING);
    tally_free(&tally);
}

static void a_name_qemu_may_invent_is_class_other(void **state)
{
    (void)state;
    /* The number of a data abort, and a name as long as "Data Abort". */
    tally_text(&tally, "Taking exception 4 [Lost Abort] on CPU 0\n...from EL1 to EL1\n"
                       "...with ESR 0x25/0x96000046\n...with ELR 0x40080050\n"
                       "...to EL1 PC 0x40080a00 PSTATE 0x3c5\n");
    assert_int_equal(tally.sites.sites[0].key.class, CLASS_OTHER);
    tally_free(&tally);
}

static void a_return_may_be_the_first_line(void **state)
{
    (void)state;
    tally_text(&tally, "Exception return from AArch64 EL2 to AArch64 EL1 PC 0x40080028\n"
                       "Exception return from AArch64 EL1 to AArch32 EL0 PC 0x10000\n");
    assert_int_equal(tally.parser.lines.returns, 2);
    assert_int_equal(tally.damage, 0);
    tally_free(&tally);
}

static void expect_damage(const char *text, enum damage_kind kind, uint64_t line)
{
    tally_text(&tally, text);
    assert_int_equal(tally.damage, 1);
    assert_int_equal(tally.damage_by_kind[kind], 1);
    assert_int_equal(tally.damage_samples[0].line, line);
    tally_free(&tally);
}

static void each_kind_of_damage_is_told(void **state)
{
    (void)state;
    expect_damage("Taking exception 2 [SVC] on CPU 0\n...from EL0 to EL1\n", DAMAGE_TORN_RECORD, 1);
    expect_damage("Taking exception 2 [SVC] on CPU 0\n" SVC_RECORD, DAMAGE_TORN_RECORD, 1);
    expect_damage("x\n...with ELR 0x400420\n", DAMAGE_ORPHAN_LINE, 2);
    expect_damage(SVC_RECORD "...handled as PSCI call\n", DAMAGE_ORPHAN_LINE, 7);
    expect_damage("Taking exception 2 [SVC] on CPU\n", DAMAGE_BAD_LINE, 1);
    expect_damage("Taking exception 2 [SVC on CPU 0\n", DAMAGE_BAD_LINE, 1);
    expect_damage("Exception return from AArch64 EL1 to AArch64 EL7 PC 0x0\n", DAMAGE_BAD_LINE, 1);
    expect_damage(SVC_RECORD "Exception return from AA", DAMAGE_TRUNCATED_TAIL, 7);
    expect_damage(SVC_RECORD "gic: a message without its end", DAMAGE_TRUNCATED_TAIL, 7);
}

static void a_syndrome_that_contradicts_itself_is_damage(void **state)
{
    (void)state;
    tally_text(&tally, "Taking exception 2 [SVC] on CPU 0\n...from EL0 to EL1\n"
                       "...with ESR 0x16/0x56000001\n...with ELR 0x400420\n"
                       "...to EL1 PC 0xffff000000080400 PSTATE 0x3c5\n");
    assert_int_equal(tally.damage_by_kind[DAMAGE_BAD_LINE], 1);
    assert_int_equal(tally.records, 0);
    tally_free(&tally);
}

static void a_line_of_another_level_does_not_end_the_record(void **state)
{
    (void)state;
    tally_text(&tally, "Taking exception 2 [SVC] on CPU 0\n...from EL0 to EL1\n"
                       "...with ESR 0x15/0x56000001\n...with ELR 0x400420\n"
                       "...to EL2 PC 0x80400 PSTATE 0x3c9\n");
    assert_int_equal(tally.damage_by_kind[DAMAGE_ORPHAN_LINE], 1);
    assert_int_equal(tally.damage_by_kind[DAMAGE_TORN_RECORD], 1);
    assert_int_equal(tally.records, 0);
    tally_free(&tally);
}

static void nul_bytes_and_garbage_are_accounted_for(void **state)
{
    (void)state;
    static const char garbage[] = "\xff\xfe\x01 Taking\n...\n.\n\n\0\0\0\n[\n";
    const struct message_matcher matcher = {.match = no_rule};
    tally_chunked(&tally, 8, &matcher, garbage, sizeof(garbage) - 1, 0);
    assert_int_equal(tally.damage_by_kind[DAMAGE_NUL_BYTES], 1);
    assert_int_equal(tally.parser.lines.messages, 5);
    char text[MESSAGE_TEXT];
    assert_string_equal(message_text(&tally.messages, &tally.messages.messages[0], text),
                        "\\xff\\xfe\\x01 Taking");
    tally_free(&tally);
}

static void crlf_gives_the_same_as_lf(void **state)
{
    (void)state;
    tally_text(&tally, "Taking exception 2 [SVC] on CPU 0\r\n...from EL0 to EL1\r\n"
                       "...with ESR 0x15/0x56000001\r\n...with ELR 0x400420\r\n"
                       "...to EL1 PC 0xffff000000080400 PSTATE 0x3c5\r\nhello\r\n");
    assert_int_equal(tally.records, 1);
    assert_int_equal(tally.damage, 0);
    assert_int_equal(tally.messages.messages[0].length, 5);
    tally_free(&tally);
}

static void interleaved_cpus_are_told_apart_by_what_fits(void **state)
{
    (void)state;
    tally_text(&tally, "Taking exception 4 [Data Abort] on CPU 0\n"
                       "Taking exception 2 [SVC] on CPU 1\n"
                       "...from EL1 to EL1\n"
                       "...from EL0 to EL1\n"
                       "...with ESR 0x15/0x56000001\n"
                       "...with ESR 0x25/0x96000046\n"
                       "...with ELR 0x400420\n"
                       "...with FAR 0x10\n"
                       "...with ELR 0x40080050\n"
                       "...to EL1 PC 0x40080c00 PSTATE 0x3c5\n"
                       "...to EL1 PC 0x40080a00 PSTATE 0x3c5\n");
    assert_int_equal(tally.damage, 0);
    assert_int_equal(tally.records, 2);
    assert_int_equal(tally.sites.sites[0].key.class, CLASS_SVC);
    assert_int_equal(tally.sites.sites[0].key.esr, 0x56000001);
    assert_int_equal(tally.sites.sites[0].key.elr, 0x400420);
    assert_int_equal(tally.sites.sites[0].key.from_el, 0);
    assert_int_equal(tally.sites.sites[1].key.class, CLASS_DATA_ABORT);
    assert_int_equal(tally.sites.sites[1].key.elr, 0x40080050);
    assert_int_equal(tally.ambiguous, 2); /* the two "from" lines fit either record */
    assert_int_equal(tally.sites.sites[0].ambiguous, 1);
    tally_free(&tally);
}

static void two_aborts_are_told_apart_by_the_level_in_the_syndrome(void **state)
{
    static const char *const logs[] = {
        "Taking exception 4 [Data Abort] on CPU 0\n...from EL1 to EL1\n"
        "Taking exception 4 [Data Abort] on CPU 1\n...from EL0 to EL1\n"
        "...with ESR 0x24/0x92000007\n...with ESR 0x25/0x96000046\n",
        "Taking exception 4 [Data Abort] on CPU 0\n...from EL0 to EL1\n"
        "Taking exception 4 [Data Abort] on CPU 1\n...from EL1 to EL1\n"
        "...with ESR 0x25/0x96000046\n...with ESR 0x24/0x92000007\n",
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char text[1024];
        snprintf(
            text, sizeof(text),
            "%s...with FAR 0x10\n...with ELR 0x40080050\n...to EL1 PC 0x40080%c00 PSTATE 0x3c5\n"
            "...with FAR 0x20\n...with ELR 0x400420\n...to EL1 PC 0x40080%c00 PSTATE 0x3c5\n",
            logs[i], i == 0 ? 'a' : 'c', i == 0 ? 'c' : 'a');
        tally_text(&tally, text);
        assert_int_equal(tally.damage, 0);
        assert_int_equal(tally.sites.sites[i].key.esr, 0x96000046);
        assert_int_equal(tally.sites.sites[i].key.from_el, 1);
        assert_int_equal(tally.sites.sites[1 - i].key.esr, 0x92000007);
        assert_int_equal(tally.sites.sites[1 - i].key.from_el, 0);
        tally_free(&tally);
    }
}

static void too_many_open_records_are_torn_not_lost(void **state)
{
    (void)state;
    char text[(MAX_OPEN_RECORDS + 1) * 48];
    size_t used = 0;
    for (int cpu = 0; cpu <= MAX_OPEN_RECORDS; cpu++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "Taking exception 2 [SVC] on CPU %d\n", cpu);
    }
    tally_text(&tally, text);
    assert_int_equal(tally.damage_by_kind[DAMAGE_TORN_RECORD], MAX_OPEN_RECORDS + 1);
    tally_free(&tally);
}

/* A log with every form in it, and lines around every limit. */
static char *mixed_log(size_t *length)
{
    size_t size = 64 * 1024;
    char *text = malloc(size);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, size, "%s%s%s%s\nfree\n\r\n", SVC_RECORD,
                                   DATA_ABORT_RECORD, IRQ_RECORD, PSCI_RECORD);
    static const size_t lengths[] = {LINE_WINDOW, MAX_MESSAGE,   MAX_MESSAGE + 1,
                                     LINE_KEEP,   LINE_KEEP + 1, 3 * LINE_KEEP};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memset(text + used, 'a', lengths[i]);
        used += lengths[i];
        text[used++] = '\n';
    }
    used += (size_t)snprintf(text + used, size - used, "%s...with ELR 0x1\n%sTaking exception 2 [",
                             DATA_ABORT_RECORD, SVC_RECORD);
    *length = used;
    return text;
}

static void any_cutting_gives_the_same_result(void **state)
{
    (void)state;
    static struct tally whole;
    size_t length;
    char *text = mixed_log(&length);
    const struct message_matcher matcher = {.match = no_rule};
    tally_chunked(&whole, 64, &matcher, text, length, 0);
    assert_int_equal(whole.records, 6);
    assert_int_equal(whole.damage, 2);
    assert_int_equal(whole.messages.count, 5); /* the four longest are one text, cut */
    for (size_t chunk = 1; chunk < 9000; chunk += chunk < 400 ? 1 : 1777) {
        tally_chunked(&tally, 64, &matcher, text, length, chunk);
        assert_memory_equal(&tally.parser.lines, &whole.parser.lines, sizeof(whole.parser.lines));
        assert_int_equal(tally.sites.count, whole.sites.count);
        assert_memory_equal(tally.sites.sites, whole.sites.sites,
                            whole.sites.count * sizeof(whole.sites.sites[0]));
        assert_int_equal(tally.messages.count, whole.messages.count);
        assert_int_equal(tally.messages.used, whole.messages.used);
        assert_memory_equal(tally.messages.messages, whole.messages.messages,
                            whole.messages.count * sizeof(whole.messages.messages[0]));
        assert_memory_equal(tally.damage_samples, whole.damage_samples,
                            sizeof(whole.damage_samples));
        tally_free(&tally);
    }
    tally_free(&whole);
    free(text);
}

static void a_real_log_of_qemu_7_2_is_read_whole(void **state)
{
    (void)state;
    const struct message_matcher matcher = {.match = no_rule};
    assert_true(tally_init(&tally, DEFAULT_MAX_SITES, &matcher));
    assert_int_equal(log_reader_file(&tally.reader, GATE_DATA "/qemu-7.2-faults.log", false), 0);
    assert_int_equal(tally.parser.lines.total, 87);
    assert_int_equal(tally.records, 13);
    assert_int_equal(tally.parser.lines.messages, 10);
    assert_int_equal(tally.by_class[CLASS_HVC], 2);
    assert_int_equal(tally.damage, 0);
    tally_free(&tally);
}

static void a_log_cut_at_any_byte_is_never_whole(void **state)
{
    (void)state;
    static const char text[] = SVC_RECORD DATA_ABORT_RECORD PSCI_RECORD;
    const struct message_matcher matcher = {.match = no_rule};
    size_t svc = strlen(SVC_RECORD);
    size_t svc_only = strlen(SVC_RECORD) -
                      strlen("Exception return from AArch64 EL1 to AArch64 EL0 PC 0x400420\n");
    for (size_t length = 1; length < sizeof(text) - 1; length++) {
        tally_chunked(&tally, 8, &matcher, text, length, 0);
        bool between =
            length == svc || length == svc_only || length == svc + strlen(DATA_ABORT_RECORD);
        assert_int_equal(tally.damage == 0, between);
        tally_free(&tally);
    }
}

static void an_unreadable_log_is_an_error(void **state)
{
    (void)state;
    const struct message_matcher matcher = {.match = no_rule};
    assert_true(tally_init(&tally, 8, &matcher));
    assert_int_not_equal(log_reader_file(&tally.reader, GATE_DATA "/not-there.log", false), 0);
    assert_int_not_equal(log_reader_file(&tally.reader, GATE_DATA, false), 0);
    tally_free(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_record_becomes_one_site),
        cmocka_unit_test(a_repeated_site_is_counted_and_its_far_range_kept),
        cmocka_unit_test(an_interrupt_keeps_no_stale_esr),
        cmocka_unit_test(a_psci_call_ends_its_record_and_may_end_the_log),
        cmocka_unit_test(newer_qemu_lines_belong_to_the_record),
        cmocka_unit_test(a_name_qemu_may_invent_is_class_other),
        cmocka_unit_test(a_return_may_be_the_first_line),
        cmocka_unit_test(each_kind_of_damage_is_told),
        cmocka_unit_test(a_syndrome_that_contradicts_itself_is_damage),
        cmocka_unit_test(nul_bytes_and_garbage_are_accounted_for),
        cmocka_unit_test(crlf_gives_the_same_as_lf),
        cmocka_unit_test(interleaved_cpus_are_told_apart_by_what_fits),
        cmocka_unit_test(two_aborts_are_told_apart_by_the_level_in_the_syndrome),
        cmocka_unit_test(a_line_of_another_level_does_not_end_the_record),
        cmocka_unit_test(too_many_open_records_are_torn_not_lost),
        cmocka_unit_test(any_cutting_gives_the_same_result),
        cmocka_unit_test(a_real_log_of_qemu_7_2_is_read_whole),
        cmocka_unit_test(a_log_cut_at_any_byte_is_never_whole),
        cmocka_unit_test(an_unreadable_log_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
