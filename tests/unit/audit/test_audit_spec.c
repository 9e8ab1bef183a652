/* The spec file: what is read, and every error names the file, the key and what is expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit_spec.h"
#include "exit_code.h"

static char path[] = "spec-XXXXXX";

static int read_text(struct audit_spec *spec, const char *text, char *error)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return audit_spec_read(spec, path, error);
}

static void test_everything_is_read(void **state)
{
    static const char text[] =
        "{\"schema\": \"rig-audit-spec-1\","
        " \"regions\": [{\"first\": \"0x40080000\", \"last\": \"0x40080fff\", \"space\": \"pa\","
        "  \"kernel\": true, \"name\": \".text\"},"
        "  {\"first\": \"0x1\", \"last\": \"0x2\", \"space\": \"va\", \"name\": \"x\"}],"
        " \"devices\": [{\"first\": \"0x9000000\", \"last\": \"0x9000fff\", \"name\": \"uart\"}],"
        " \"guards\": [{\"first\": \"0x0\", \"last\": \"0xfff\", \"name\": \"null\", \"why\": "
        "\"w\"}],"
        " \"waive\": [{\"rule\": \"wx-alias\", \"first\": \"0x0\", \"last\": "
        "\"0xffffffffffffffff\","
        "  \"why\": \"because\", \"text\": \"all\"}],"
        " \"rules\": [\"wx-mapping\", \"wx-alias\"],"
        " \"offset\": {\"by\": \"0xffffffff00000000\", \"first\": \"0xffffffff40000000\","
        "  \"last\": \"0xffffffff47ffffff\"},"
        " \"map\": [{\"first\": \"0x2000\", \"last\": \"0x2fff\", \"pa\": \"any\", \"el1\": "
        "\"rw-\","
        "  \"el0\": \"---\", \"memory\": \"Normal WB\", \"shareability\": \"inner\","
        "  \"global\": false, \"name\": \"b\"},"
        "  {\"first\": \"0x1000\", \"last\": \"0x1fff\", \"pa\": \"0x40000000\", \"el1\": \"r-x\","
        "  \"el0\": \"---\", \"memory\": \"Normal WB\"}],"
        " \"harmless\": [{\"kind\": \"page\", \"high\": 58, \"low\": 55, \"why\": \"ignored\"}]}";
    char error[AUDIT_SPEC_ERROR_TEXT] = "";
    struct audit_spec spec;

    (void)state;
    assert_int_equal(read_text(&spec, text, error), EXIT_HELD);
    assert_string_equal(error, "");
    assert_int_equal(spec.region_count, 2);
    assert_true(spec.regions[0].physical && spec.regions[0].kernel);
    assert_false(spec.regions[1].physical || spec.regions[1].kernel);
    assert_int_equal(spec.device_count, 1);
    assert_int_equal(spec.devices[0].last, 0x9000fff);
    assert_int_equal(spec.guard_count, 1);
    assert_string_equal(spec.guards[0].why, "w");
    assert_int_equal(spec.waiver_count, 1);
    assert_int_equal(spec.waivers[0].range.last, UINT64_MAX);
    assert_int_equal(spec.rule_count, 2);
    assert_string_equal(spec.rules[1], "wx-alias");
    assert_true(spec.has_offset && spec.has_map);
    assert_int_equal(spec.offset, UINT64_C(0xffffffff00000000));
    /* In ascending order. */
    assert_int_equal(spec.map_count, 2);
    assert_int_equal(spec.map[0].range.first, 0x1000);
    assert_int_equal(spec.map[0].pa_kind, AUDIT_PA_EXACT);
    assert_int_equal(spec.map[0].pa, 0x40000000);
    assert_true(spec.map[0].global);
    assert_null(spec.map[0].shareability);
    assert_int_equal(spec.map[1].pa_kind, AUDIT_PA_ANY_RAM);
    assert_false(spec.map[1].global);
    assert_int_equal(spec.harmless_count, 1);
    assert_int_equal(spec.harmless[0].high, 58);
    audit_spec_free(&spec);
}

static void test_every_key_but_schema_may_be_absent(void **state)
{
    char error[AUDIT_SPEC_ERROR_TEXT] = "";
    struct audit_spec spec;

    (void)state;
    assert_int_equal(read_text(&spec, "{\"schema\": \"rig-audit-spec-1\"}", error), EXIT_HELD);
    assert_false(spec.has_map || spec.has_offset);
    audit_spec_free(&spec);
    assert_int_equal(read_text(&spec, "{\"schema\": \"rig-audit-spec-1\", \"map\": []}", error),
                     EXIT_HELD);
    assert_true(spec.has_map);
    audit_spec_free(&spec);
}

#define SPEC(body) "{\"schema\": \"rig-audit-spec-1\", " body "}"
#define RANGE      "\"first\": \"0x0\", \"last\": \"0xfff\""
#define LINE       RANGE ", \"pa\": \"any\", \"el1\": \"rw-\", \"el0\": \"---\", \"memory\": \"m\""

static void test_errors_name_the_key(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } wrong[] = {
        {"{", ":1: not JSON"},
        {"[]", ": schema: expected \"rig-audit-spec-1\""},
        {"{\"schema\": \"rig-audit-spec-2\"}", ": schema: expected"},
        {SPEC("\"wavers\": []"), ": wavers: unknown key"},
        {SPEC("\"rules\": {}"), ": rules: expected a list"},
        {SPEC("\"rules\": [1]"), ": rules[0]: expected the id of a rule"},
        {SPEC("\"rules\": [], \"rules\": []"), "not JSON: duplicate object key"},
        {SPEC("\"devices\": [3]"), ": devices[0]: expected an object"},
        {SPEC("\"devices\": [{" RANGE "}, {\"first\": 1, \"last\": \"0x1\"}]"),
         ": devices[1].first: expected a number of 64 bits as text"},
        {SPEC("\"devices\": [{\"first\": \"0x10000000000000000\", \"last\": \"0x1\"}]"),
         ": devices[0].first: expected a number"},
        {SPEC("\"devices\": [{\"first\": \"0x\", \"last\": \"0x1\"}]"), ": devices[0].first: "},
        {SPEC("\"devices\": [{\"first\": \"0x-1\", \"last\": \"0x1\"}]"), ": devices[0].first: "},
        {SPEC("\"devices\": [{\"first\": \"0x2\", \"last\": \"0x1\"}]"),
         ": devices[0].last: 0x1 lies before first, 0x2"},
        {SPEC("\"regions\": [{" RANGE ", \"space\": \"ipa\", \"name\": \"n\"}]"),
         ": regions[0].space: expected \"pa\" or \"va\", not \"ipa\""},
        {SPEC("\"regions\": [{" RANGE ", \"space\": \"pa\", \"kernel\": 1, \"name\": \"n\"}]"),
         ": regions[0].kernel: expected true or false"},
        {SPEC("\"regions\": [{" RANGE ", \"space\": \"pa\"}]"),
         ": regions[0].name: expected a text"},
        {SPEC("\"guards\": [{" RANGE ", \"name\": \"g\", \"wy\": \"\"}]"),
         ": guards[0].wy: unknown key"},
        {SPEC("\"waive\": [{\"rule\": \"r\", " RANGE ", \"why\": \"\"}]"),
         ": waive[0].why: expected the reason"},
        {SPEC("\"offset\": {\"by\": \"8\", " RANGE "}"), ": offset.by: expected a number"},
        {SPEC("\"offset\": []"), ": offset: expected an object"},
        {SPEC("\"map\": [{" RANGE ", \"pa\": \"same\", \"el1\": \"rw-\", \"el0\": \"---\","
              " \"memory\": \"m\"}]"),
         ": map[0].pa: expected an address"},
        {SPEC("\"map\": [{" RANGE ", \"pa\": \"any\", \"el1\": \"rwx-\", \"el0\": \"---\","
              " \"memory\": \"m\"}]"),
         ": map[0].el1: expected rights"},
        {SPEC("\"map\": [{" RANGE ", \"pa\": \"any\", \"el1\": \"rw-\", \"el0\": \"xwr\","
              " \"memory\": \"m\"}]"),
         ": map[0].el0: expected rights"},
        {SPEC("\"map\": [{" LINE ", \"shareability\": \"full\"}]"),
         ": map[0].shareability: expected \"inner\", \"outer\" or \"non\", not \"full\""},
        {SPEC("\"map\": [{" LINE "}, {" LINE ", \"name\": \"second\"}]"), "overlap"},
        {SPEC("\"harmless\": [{\"kind\": \"leaf\", \"high\": 1, \"low\": 0, \"why\": \"w\"}]"),
         ": harmless[0].kind: expected"},
        {SPEC("\"harmless\": [{\"kind\": \"page\", \"high\": 64, \"low\": 0, \"why\": \"w\"}]"),
         ": harmless[0].high: expected the number of a bit, 0 to 63"},
        {SPEC("\"harmless\": [{\"kind\": \"page\", \"high\": 1, \"low\": 2, \"why\": \"w\"}]"),
         ": harmless[0].low: 2 lies above high, 1"},
        {SPEC("\"harmless\": [{\"kind\": \"page\", \"high\": 1, \"low\": 1, \"why\": \"\"}]"),
         ": harmless[0].why: expected why"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char error[AUDIT_SPEC_ERROR_TEXT] = "";
        struct audit_spec spec;

        assert_int_equal(read_text(&spec, wrong[i].text, error), EXIT_USAGE);
        if (strncmp(error, path, strlen(path)) != 0 || strstr(error, wrong[i].words) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", error, wrong[i].words);
        }
        audit_spec_free(&spec);
    }
}

static void test_no_such_file(void **state)
{
    char error[AUDIT_SPEC_ERROR_TEXT] = "";
    struct audit_spec spec;

    (void)state;
    assert_int_equal(audit_spec_read(&spec, "no-such-spec", error), EXIT_USAGE);
    assert_string_equal(error, "no-such-spec: cannot read: No such file or directory");
    audit_spec_free(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_read),
        cmocka_unit_test(test_every_key_but_schema_may_be_absent),
        cmocka_unit_test(test_errors_name_the_key),
        cmocka_unit_test(test_no_such_file),
    };
    int file = mkstemp(path);
    int failed;

    if (file < 0) {
        return 1;
    }
    close(file);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
