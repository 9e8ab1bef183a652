/* Rule packs: what a good one says, and each message of a wrong one. */
#include "gate_fixture.h"

#include <stdio.h>

static const char GOOD[] =
    "guest: tyrne\n"
    "checkpoints: [{anything: goes}]\n"
    "image:\n"
    "  elf: tyrne.elf\n"
    "  alias: [{from: 0x40000000, size: 128MiB, by: 0xffffffff00000000}]\n"
    "faults:\n"
    "  allow:\n"
    "    - {id: svc, class: SVC, from: EL0, to: EL1, count: 2, why: two calls}\n"
    "    - {id: off, class: [HVC, SMC], psci: SYSTEM_OFF, why: ends}\n"
    "    - {id: page, class: DATA_ABORT, ec: 0x24, fsc: 7, at: touch, min: 1, max: 3, why: lazy}\n"
    "    - {id: el2, class: IRQ, variants: [el2], min: 0, why: only there}\n"
    "  deny: all-others\n"
    "  messages:\n"
    "    - {id: uart, match: 'pl011_*', max: 3, why: early}\n";

static void a_good_pack_is_read_whole(void **state)
{
    struct pack pack;
    (void)state;
    load_pack(&pack, GOOD, "el2");
    assert_string_equal(pack.guest, "tyrne");
    assert_int_equal(pack.fault_count, 4);
    assert_int_equal(pack.faults[0].classes, 1U << CLASS_SVC);
    assert_int_equal(pack.faults[0].from_el, 0);
    assert_int_equal(pack.faults[0].to_el, 1);
    assert_int_equal(pack.faults[0].budget.min, 2);
    assert_int_equal(pack.faults[0].budget.max, 2);
    assert_int_equal(pack.faults[0].line, 8);
    assert_int_equal(pack.faults[1].classes, 1U << CLASS_HVC | 1U << CLASS_SMC);
    assert_int_equal(pack.faults[1].psci, PSCI_LAST);
    assert_int_equal(pack.faults[1].from_el, ANY);
    assert_int_equal(pack.faults[1].budget.min, 1);
    assert_true(pack.faults[1].budget.max == UINT64_MAX);
    assert_int_equal(pack.faults[2].ec, 0x24);
    assert_int_equal(pack.faults[2].fsc, 7);
    assert_string_equal(pack.faults[2].at, "touch");
    assert_true(pack.faults[3].active);
    assert_int_equal(pack.faults[3].budget.min, 0);
    assert_int_equal(pack.messages[0].budget.min, 0);
    assert_int_equal(pack.messages[0].budget.max, 3);
    pack_free(&pack);
}

static void a_rule_of_another_variant_is_not_active(void **state)
{
    struct pack pack;
    (void)state;
    load_pack(&pack, GOOD, NULL);
    assert_false(pack.faults[3].active);
    assert_true(pack.variants_used);
    assert_false(pack.variant_named);
    pack_free(&pack);
}

static void low_addresses_fold_to_link_addresses(void **state)
{
    struct pack pack;
    (void)state;
    load_pack(&pack, GOOD, NULL);
    assert_true(pack_fold(&pack, 0x40080000) == 0xffffffff40080000);
    assert_true(pack_fold(&pack, 0x3fffffff) == 0x3fffffff);
    assert_true(pack_fold(&pack, 0x47ffffff) == 0xffffffff47ffffff);
    assert_true(pack_fold(&pack, 0x48000000) == 0x48000000);
    assert_true(pack_fold(&pack, 0xffffffff40080000) == 0xffffffff40080000);
    pack_free(&pack);
}

static void the_first_active_message_rule_that_matches_is_taken(void **state)
{
    struct pack pack;
    (void)state;
    load_pack(&pack,
              "faults:\n  deny: all-others\n  messages:\n"
              "    - {id: a, match: 'x*', variants: [other], why: w}\n"
              "    - {id: b, match: '*y', why: w}\n    - {id: c, match: 'x?', why: w}\n",
              NULL);
    struct message_matcher matcher = pack_message_matcher(&pack);
    assert_int_equal(matcher.match(matcher.context, "xy"), 1);
    assert_int_equal(matcher.match(matcher.context, "xz"), 2);
    assert_int_equal(matcher.match(matcher.context, "xzz"), -1);
    pack_free(&pack);
}

/* Each wrong pack with what its message must say: place first, then what is wrong. */
static const struct {
    const char *text;
    const char *place;
    const char *what;
} WRONG[] = {
    {"a: [", "test.yaml:", "not YAML"},
    {"", "test.yaml:1: (top level): ", "must be a mapping"},
    {"- a\n", "test.yaml:1: (top level): ", "must be a mapping"},
    {"guest: x\n", "test.yaml:1: faults: ", "no faults section"},
    {"faults: 3\n", "test.yaml:1: faults: ", "must be a mapping"},
    {"faults:\n  allow: []\n", "test.yaml:2: faults.deny: ", "missing; write deny: all-others"},
    {"faults:\n  deny: some\n", "test.yaml:2: faults.deny: ", "must be all-others, not 'some'"},
    {"faults:\n  deny: all-others\n  alow: []\n", "test.yaml:3: faults: ", "unknown key 'alow'"},
    {"faults:\n  deny: all-others\n  deny: all-others\n", "test.yaml:3: faults: ", "given twice"},
    {"faults:\n  deny: all-others\n  allow: {a: b}\n",
     "test.yaml:3: faults.allow: ", "must be a list"},
    {"faults:\n  deny: all-others\n  messages:\n    - {id: m, why: w}\n",
     "test.yaml:", "match: must be text"},
    {"faults:\n  deny: all-others\nimage: {alias: [{from: 1, size: 2}]}\n",
     "test.yaml:3: image.alias: ", "needs from, size and by; no 'by'"},
    {"faults:\n  deny: all-others\nimage: {alias: [{from: 1, size: 2MB, by: 0}]}\n",
     "test.yaml:3: image.alias.size: ", "must be a size such as"},
    {"faults:\n  deny: all-others\nimage: {alias: [{from: 1, size: 0xffffffffffffffffKiB, by: "
     "0}]}\n",
     "test.yaml:3: image.alias.size: ", "must be a size such as"},
    {"faults:\n  deny: all-others\nimage: {alias: [{from: x, size: 2, by: 0}]}\n",
     "test.yaml:3: image.alias.from: ", "must be a whole number"},
};

/* The same for one allow rule, put into a pack as its third line. */
static const struct {
    const char *rule;
    const char *what;
} WRONG_RULES[] = {
    {"{class: SVC, why: w}", "faults.allow[0]: the rule has no id"},
    {"{id: a, class: SVC}", "faults.allow[0](a): the rule has no why"},
    {"{id: a, class: SVC, why: ''}", "faults.allow[0](a).why: must not be empty"},
    {"{id: 'a b', class: SVC, why: w}", "may hold letters, digits"},
    {"{id: deny-all-others, class: SVC, why: w}", "is already taken"},
    {"{id: a, why: w}", "faults.allow[0](a): the rule has no class"},
    {"{id: a, class: SVK, why: w}", "unknown class 'SVK'; known: UNDEFINED, SVC, "},
    {"{id: a, class: [], why: w}", "must name a class"},
    {"{id: a, class: {}, why: w}", "class: must be a list"},
    {"{id: a, class: SVC, form: EL0, why: w}",
     "unknown key 'form'; known keys: id, why, class, from, to, psci, at, ec, fsc, variants"},
    {"{id: a, class: SVC, from: 0, why: w}", "from: must be EL0, EL1, EL2 or EL3, not '0'"},
    {"{id: a, class: SVC, to: EL4, why: w}", "to: must be EL0, EL1, EL2 or EL3, not 'EL4'"},
    {"{id: a, class: SVC, count: two, why: w}", "count: must be a whole number"},
    {"{id: a, class: SVC, count: -1, why: w}", "count: must be a whole number"},
    {"{id: a, class: SVC, count: [1], why: w}", "not 'a list or mapping'"},
    {"{id: a, class: SVC, count: 1, max: 2, why: w}", "give count, or min and max, not both"},
    {"{id: a, class: SVC, min: 3, max: 2, why: w}", "min 3 is above max 2"},
    {"{id: a, class: SVC, max: 0, why: w}", "write min: 0"},
    {"{id: a, class: SVC, ec: 64, why: w}", "ec: 64 is above the largest value, 0x3f"},
    {"{id: a, class: SVC, fsc: 0x40, why: w}", "fsc: 0x40 is above the largest value"},
    {"{id: a, class: HVC, psci: SHUTDOWN, why: w}", "unknown PSCI function 'SHUTDOWN'; known: "},
    {"{id: a, class: [HVC, SVC], psci: CPU_ON, why: w}", "psci goes with class HVC and SMC only"},
    {"{id: a, psci: CPU_ON, at: f, why: w}", "at cannot go with psci"},
    {"{id: a, class: [SVC, IRQ], ec: 0, why: w}", "cannot go with class IRQ"},
    {"{id: a, class: SVC, variants: el1, why: w}", "variants: must be a list"},
    {"{id: a, class: SVC, variants: [], why: w}", "variants: must name a variant"},
    {"{id: a, class: SVC, at: [], why: w}", "at: must be text"},
    {"{id: a, class: SVC, ? [x] : 1, why: w}", "a key must be plain text"},
};

static void expect_error(const char *text, const char *place, const char *what)
{
    static struct pack pack;
    char error[PACK_ERROR_TEXT];
    if (pack_parse(&pack, "test.yaml", text, strlen(text), NULL, error)) {
        fail_msg("taken as right: %s", text);
    }
    if (strncmp(error, place, strlen(place)) != 0 || strstr(error, what) == NULL) {
        fail_msg("'%s' lacks '%s...%s'", error, place, what);
    }
    pack_free(&pack);
}

static void each_wrong_pack_is_named_with_its_line_and_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        expect_error(WRONG[i].text, WRONG[i].place, WRONG[i].what);
    }
}

static void each_wrong_rule_is_named_with_its_line_and_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(WRONG_RULES) / sizeof(WRONG_RULES[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "faults:\n  allow:\n    - %s\n  deny: all-others\n",
                 WRONG_RULES[i].rule);
        expect_error(text, "test.yaml:3: ", WRONG_RULES[i].what);
    }
}

static void an_id_is_taken_once_also_across_sections(void **state)
{
    (void)state;
    expect_error("faults:\n  deny: all-others\n  allow:\n    - {id: a, class: SVC, why: w}\n"
                 "  messages:\n    - {id: a, match: x, why: w}\n",
                 "test.yaml:6: faults.messages[0]: ", "id 'a' is already taken");
}

static void a_missing_file_is_named(void **state)
{
    struct pack pack;
    char error[PACK_ERROR_TEXT];
    (void)state;
    assert_false(pack_load(&pack, "/nonexistent/pack.yaml", NULL, error));
    assert_non_null(strstr(error, "/nonexistent/pack.yaml: cannot read the rule pack"));
    pack_free(&pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_pack_is_read_whole),
        cmocka_unit_test(a_rule_of_another_variant_is_not_active),
        cmocka_unit_test(low_addresses_fold_to_link_addresses),
        cmocka_unit_test(the_first_active_message_rule_that_matches_is_taken),
        cmocka_unit_test(each_wrong_pack_is_named_with_its_line_and_key),
        cmocka_unit_test(each_wrong_rule_is_named_with_its_line_and_key),
        cmocka_unit_test(an_id_is_taken_once_also_across_sections),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
