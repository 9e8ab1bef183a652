/* Snapshot files: read whole, and each damage told with its exit code. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit_code.h"
#include "snapshot_build.h"

#define SIZE_OF(table) (sizeof(table) / sizeof((table)[0]))

static void expect(struct snapshot_build *build, int code, const char *words)
{
    int got = build_read(build);

    if (got != code || strstr(build->error, words) == NULL) {
        fail_msg("exit code %d, wanted %d; said \"%s\", wanted \"%s\"", got, code, build->error,
                 words);
    }
    if (code != EXIT_HELD) {
        assert_non_null(strstr(build->error, build->path)); /* which file it was */
    }
}

static void test_a_sound_one_is_read(void **state)
{
    struct snapshot_build build;
    struct snapshot *snapshot = &build.snapshot;
    uint64_t value = 0;

    (void)state;
    build_begin(&build);
    expect(&build, EXIT_HELD, "");
    assert_true(snapshot->walkable);
    assert_int_equal(snapshot->regs.regime, RIG_WALK_REGIME_EL1_0);
    assert_int_equal(snapshot->regs.ttbr1, BUILD_TABLES);
    assert_int_equal(snapshot->regs.pstate, 0x3c5);
    assert_int_equal(snapshot->memory_count, 2);
    assert_int_equal(snapshot->memory[0].kind, SNAPSHOT_IO);
    assert_string_equal(snapshot->memory[0].name, "uart");
    assert_int_equal(snapshot->frame_count, 1);
    assert_int_equal(snapshot->unreadable_count, 1);
    assert_int_equal(snapshot->witness_count, 2);
    assert_true(snapshot->witnesses[0].translates);
    assert_false(snapshot->witnesses[1].translates);
    assert_true(snapshot_register(snapshot, "X0", &value));
    assert_true(value == UINT64_MAX);
    assert_false(snapshot_register(snapshot, "X1", &value));
    assert_string_equal(snapshot_made(snapshot, "checkpoint"), "here");
    assert_string_equal(snapshot_made(snapshot, "nothing"), "");
    build_end(&build);
}

static void test_the_regimes(void **state)
{
    static const struct {
        const char *regime;
        const char *words; /* why it is not walkable */
    } cases[] = {
        {"\"EL2&0\"", "EL2&0"},
        {"\"EL3\"", "EL3"},
    };

    (void)state;
    for (size_t i = 0; i < SIZE_OF(cases); i++) {
        struct snapshot_build build;

        build_begin(&build);
        build_set(&build, "regime", cases[i].regime);
        build_set(&build, "registers", "{\"PC\": \"0x1000\"}");
        expect(&build, EXIT_HELD, "");
        assert_false(build.snapshot.walkable);
        assert_non_null(strstr(build.snapshot.not_walkable, cases[i].words));
        build_end(&build);
    }
}

static void test_the_registers_of_el2(void **state)
{
    static const char *const names[] = {"SCTLR_EL2", "TCR_EL2", "TTBR0_EL2", "MAIR_EL2"};
    struct snapshot_build build;

    (void)state;
    for (size_t missing = 0; missing <= SIZE_OF(names); missing++) {
        build_begin(&build);
        build_set(&build, "regime", "\"EL2\"");
        for (size_t i = 0; i < SIZE_OF(names); i++) {
            char key[32];

            snprintf(key, sizeof(key), "registers.%s", names[i]);
            if (i != missing) {
                build_set(&build, key, "\"0x80803518\"");
            }
        }
        build_set(&build, "registers.TTBR1_EL1", NULL);
        if (missing < SIZE_OF(names)) {
            expect(&build, EXIT_NOT_JUDGED, names[missing]);
        } else {
            expect(&build, EXIT_HELD, "");
            assert_int_equal(build.snapshot.regs.regime, RIG_WALK_REGIME_EL2);
            assert_int_equal(build.snapshot.regs.ttbr0, 0x80803518);
            assert_int_equal(build.snapshot.regs.ttbr1, 0);
        }
        build_end(&build);
    }
}

static void test_a_missing_register_is_named(void **state)
{
    static const char *const names[] = {"SCTLR_EL1",        "TCR_EL1",          "TTBR0_EL1",
                                        "TTBR1_EL1",        "MAIR_EL1",         "ID_AA64MMFR0_EL1",
                                        "ID_AA64MMFR1_EL1", "ID_AA64MMFR2_EL1", "PSTATE"};

    (void)state;
    for (size_t i = 0; i < SIZE_OF(names); i++) {
        struct snapshot_build build;
        char key[32];

        snprintf(key, sizeof(key), "registers.%s", names[i]);
        build_begin(&build);
        build_set(&build, key, NULL);
        expect(&build, EXIT_NOT_JUDGED, names[i]);
        build_end(&build);
    }
}

/* --- damage ---------------------------------------------------------------------------------- */

/* One key of the header set to something that cannot be, or taken away. */
static const struct {
    const char *key;
    const char *json;
    int code;
    const char *words;
} HEADERS[] = {
    {"format", "\"rig-trace\"", EXIT_USAGE, "no snapshot"},
    {"format", NULL, EXIT_USAGE, "no snapshot"},
    {"version", "2", EXIT_NOT_JUDGED, "version 2; this rig-trace reads 1"},
    {"version", "\"1\"", EXIT_NOT_JUDGED, "version"},
    {"version", NULL, EXIT_NOT_JUDGED, "version"},
    {"made", NULL, EXIT_NOT_JUDGED, "how it was made"},
    {"made", "[]", EXIT_NOT_JUDGED, "how it was made"},
    {"made.guest", "\"\\u001b[2J\"", EXIT_NOT_JUDGED, "not in words"},
    {"regime", NULL, EXIT_NOT_JUDGED, "regime"},
    {"regime", "\"EL4\"", EXIT_NOT_JUDGED, "EL4"},
    {"registers", NULL, EXIT_NOT_JUDGED, "no registers"},
    {"registers", "[]", EXIT_NOT_JUDGED, "no registers"},
    {"registers.PSTATE", "\"3c5\"", EXIT_NOT_JUDGED, "PSTATE is no number"},
    {"registers.X0", "\"0x10000000000000000\"", EXIT_NOT_JUDGED, "X0 is no number"},
    {"registers.X0", "\"0x\"", EXIT_NOT_JUDGED, "X0 is no number"},
    {"registers.X0", "\"0x-1\"", EXIT_NOT_JUDGED, "X0 is no number"},
    {"registers.X0", "\"0x1 \"", EXIT_NOT_JUDGED, "X0 is no number"},
    {"registers.X0", "5", EXIT_NOT_JUDGED, "X0 is no number"},
    {"memory", NULL, EXIT_NOT_JUDGED, "memory"},
    {"memory", "{}", EXIT_NOT_JUDGED, "memory"},
    {"memory", "[{\"first\": \"0x1\", \"last\": \"0x0\", \"kind\": \"ram\", \"name\": \"a\"}]",
     EXIT_NOT_JUDGED, "ascending"},
    {"memory",
     "[{\"first\": \"0x0\", \"last\": \"0x1\", \"kind\": \"ram\", \"name\": \"a\"},"
     "{\"first\": \"0x1\", \"last\": \"0x2\", \"kind\": \"ram\", \"name\": \"b\"}]",
     EXIT_NOT_JUDGED, "memory 1"},
    {"memory", "[{\"first\": \"0x0\", \"last\": \"0x1\", \"kind\": \"mud\", \"name\": \"a\"}]",
     EXIT_NOT_JUDGED, "neither RAM nor ROM nor I/O"},
    {"memory", "[{\"first\": \"0x0\", \"last\": \"0x1\", \"kind\": \"ram\"}]", EXIT_NOT_JUDGED,
     "memory 0"},
    {"memory", "[{\"first\": \"zero\", \"last\": \"0x1\", \"kind\": \"ram\", \"name\": \"a\"}]",
     EXIT_NOT_JUDGED, "no number"},
    {"memory",
     "[{\"first\": \"0x0\", \"last\": \"0x1\", \"kind\": \"ram\", \"name\": \"a\\u0007\"}]",
     EXIT_NOT_JUDGED, "memory 0"},
    {"memory", "[7]", EXIT_NOT_JUDGED, "memory 0"},
    {"frames", NULL, EXIT_NOT_JUDGED, "frames"},
    {"frames", "[{\"pa\": \"0x40001004\", \"size\": 12288}]", EXIT_NOT_JUDGED, "not aligned"},
    {"frames", "[{\"pa\": \"0x40001000\", \"size\": 12287}]", EXIT_NOT_JUDGED, "not aligned"},
    {"frames", "[{\"pa\": \"0x40001000\", \"size\": 0}]", EXIT_NOT_JUDGED, "size"},
    {"frames", "[{\"pa\": \"0x40001000\", \"size\": -8}]", EXIT_NOT_JUDGED, "size"},
    {"frames", "[{\"pa\": \"0x40001000\", \"size\": \"0x3000\"}]", EXIT_NOT_JUDGED, "size"},
    {"frames", "[{\"pa\": \"table\", \"size\": 12288}]", EXIT_NOT_JUDGED, "no number"},
    {"frames", "[{\"size\": 12288}]", EXIT_NOT_JUDGED, "no number"},
    {"frames", "[{\"pa\": \"0xfffffffffffff000\", \"size\": 12288}]", EXIT_NOT_JUDGED, "overlap"},
    {"frames",
     "[{\"pa\": \"0x40001000\", \"size\": 8192}, {\"pa\": \"0x40002ff8\", \"size\": 4096}]",
     EXIT_NOT_JUDGED, "overlap"},
    {"frames",
     "[{\"pa\": \"0x40001000\", \"size\": 8192}, {\"pa\": \"0x40001000\", \"size\": 4096}]",
     EXIT_NOT_JUDGED, "overlap"},
    {"frames",
     "[{\"pa\": \"0x40003000\", \"size\": 8192}, {\"pa\": \"0x40001000\", \"size\": 4096}]",
     EXIT_NOT_JUDGED, "ascending"},
    {"frames", "[{\"pa\": \"0x40003000\", \"size\": 8192}, {\"pa\": \"0x0\", \"size\": 4096}]",
     EXIT_NOT_JUDGED, "ascending"},
    {"frames", "[{\"pa\": \"0x40001000\", \"size\": 16384}]", EXIT_NOT_JUDGED, "shorter"},
    {"frames", "[{\"pa\": \"0x40001000\", \"size\": 8192}]", EXIT_NOT_JUDGED, "more in it"},
    /* One page more than 65536 tables of 4 KiB. */
    {"frames", "[{\"pa\": \"0x40001000\", \"size\": 268439552}]", EXIT_NOT_JUDGED,
     "more tables than a walk can reach"},
    {"frames", "[{\"pa\": \"0x0\", \"size\": 9223372036854775800}]", EXIT_NOT_JUDGED,
     "more tables than a walk can reach"},
    {"unreadable", NULL, EXIT_NOT_JUDGED, "unreadable"},
    {"unreadable", "[\"0x2000\", \"0x1000\"]", EXIT_NOT_JUDGED, "ascending"},
    {"unreadable", "[\"here\"]", EXIT_NOT_JUDGED, "no number"},
    {"witnesses", NULL, EXIT_NOT_JUDGED, "witnesses"},
    {"witnesses", "[[\"0x0\"]]", EXIT_NOT_JUDGED, "no pair"},
    {"witnesses", "[[\"0x0\", \"gone\"]]", EXIT_NOT_JUDGED, "no number"},
    {"witnesses", "[[null, \"0x0\"]]", EXIT_NOT_JUDGED, "no number"},
    {"witnesses", "[5]", EXIT_NOT_JUDGED, "no pair"},
};

static void test_damaged_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE_OF(HEADERS); i++) {
        struct snapshot_build build;

        build_begin(&build);
        build_set(&build, HEADERS[i].key, HEADERS[i].json);
        expect(&build, HEADERS[i].code, HEADERS[i].words);
        build_end(&build);
    }
}

/* A list with one item more than there may be. */
static void test_long_lists(void **state)
{
    static const struct {
        const char *key;
        int limit;
    } cases[] = {{"memory", 4096}, {"frames", 65536}, {"unreadable", 65536}};

    (void)state;
    for (size_t i = 0; i < SIZE_OF(cases); i++) {
        struct snapshot_build build;
        json_t *list = json_array();

        for (int k = 0; k <= cases[i].limit; k++) {
            json_array_append_new(list, json_null());
        }
        build_begin(&build);
        json_object_set_new(build.header, cases[i].key, list);
        expect(&build, EXIT_NOT_JUDGED, "are the most");
        build_end(&build);
    }
}

static void test_lines_that_are_no_header(void **state)
{
    static const struct {
        const char *line;
        int code;
        const char *words;
    } cases[] = {
        {"hello\n", EXIT_USAGE, "begins with no JSON"},
        {"\n", EXIT_USAGE, "begins with no JSON"},
        {"{\"format\": \n", EXIT_NOT_JUDGED, "no JSON"},
        {"{\"format\": \"rig-snapshot\", \"format\": \"rig-snapshot\"}\n", EXIT_NOT_JUDGED,
         "no JSON"},
        {"{\"format\": \"rig-snapshot\"} {}\n", EXIT_NOT_JUDGED, "no JSON"},
        {"{}\n", EXIT_USAGE, "no snapshot"},
    };

    (void)state;
    for (size_t i = 0; i < SIZE_OF(cases); i++) {
        struct snapshot_build build;

        build_begin(&build);
        build_pack(&build, cases[i].line);
        expect(&build, cases[i].code, cases[i].words);
        build_end(&build);
    }
}

static void test_a_line_without_end(void **state)
{
    struct snapshot_build build;

    (void)state;
    build_begin(&build);
    build_pack(&build, "{\"format\": \"rig-snapshot\"");
    memset(build.frames, 'x', build.frames_size);
    build_pack(&build, "{\"format\": \"rig-snapshot\"");
    expect(&build, EXIT_NOT_JUDGED, "first line does not end");
    build_end(&build);
}

/* A header of 64 MiB and a bit; it packs into little. */
static void test_a_header_is_bounded(void **state)
{
    enum { LARGE = (64 << 20) + 64 };
    struct snapshot_build build;
    char *line = malloc(LARGE + 1);

    (void)state;
    assert_non_null(line);
    memset(line, ' ', LARGE);
    line[0] = '{';
    line[LARGE] = '\0';
    build_begin(&build);
    build_pack(&build, line);
    expect(&build, EXIT_NOT_JUDGED, "too long");
    free(line);
    build_end(&build);
}

/* The code of a file of these bytes; as snapshot_read, but without a file. */
static int code_of(const unsigned char *bytes, size_t size)
{
    struct snapshot snapshot;
    char error[SNAPSHOT_ERROR_TEXT];
    FILE *file = fmemopen((void *)(uintptr_t)bytes, size, "rb");
    int code;

    assert_non_null(file);
    code = snapshot_read_file(&snapshot, file, "memory", error);
    snapshot_free(&snapshot);
    fclose(file);
    return code;
}

static void test_each_truncation_is_told(void **state)
{
    struct snapshot_build whole;

    (void)state;
    build_begin(&whole);
    build_pack(&whole, NULL);
    for (size_t size = 1; size < whole.packed_size; size++) {
        int code = size < 2 ? EXIT_USAGE : EXIT_NOT_JUDGED;

        if (code_of(whole.packed, size) != code) {
            fail_msg("%zu of %zu bytes", size, whole.packed_size);
        }
    }
    build_end(&whole);
}

static void test_each_changed_bit_is_told(void **state)
{
    /* What may change unseen: of gzip's header the text flag, the time, the level and the system,
     * and the bits that fill up the last byte of the compressed data. */
    enum { FLAGS = 3, TEXT_FLAG = 0, TIME = 4, DATA = 10, TRAILER = 8 };
    struct snapshot_build build;

    (void)state;
    build_begin(&build);
    build_pack(&build, NULL);
    for (size_t bit = 0; bit < build.packed_size * 8; bit++) {
        size_t at = bit / 8;
        bool free_to_change = (at == FLAGS && bit % 8 == TEXT_FLAG) || (at >= TIME && at < DATA) ||
                              at == build.packed_size - TRAILER - 1;

        build.packed[at] ^= (unsigned char)(1U << bit % 8);
        if (code_of(build.packed, build.packed_size) == EXIT_HELD && !free_to_change) {
            fail_msg("bit %zu of byte %zu of %zu", bit % 8, at, build.packed_size);
        }
        build.packed[at] ^= (unsigned char)(1U << bit % 8);
    }
    assert_int_equal(code_of(build.packed, build.packed_size), EXIT_HELD);
    build_end(&build);
}

static void test_the_checksum(void **state)
{
    struct snapshot_build build;

    (void)state;
    build_begin(&build);
    build_pack(&build, NULL);
    build.packed[build.packed_size - 8] ^= 1;
    expect(&build, EXIT_NOT_JUDGED, "checksum");
    build_end(&build);
    build_begin(&build);
    build_pack(&build, NULL);
    build.packed[build.packed_size - 1] ^= 1; /* the length */
    expect(&build, EXIT_NOT_JUDGED, "checksum");
    build_end(&build);
}

static void test_what_follows_the_stream(void **state)
{
    static const unsigned char behind[] = {0, 'x', 0x1f};

    (void)state;
    for (size_t i = 0; i < SIZE_OF(behind); i++) {
        struct snapshot_build build;

        build_begin(&build);
        build_pack(&build, NULL);
        build.packed = realloc(build.packed, build.packed_size + 1);
        assert_non_null(build.packed);
        build.packed[build.packed_size++] = behind[i];
        expect(&build, EXIT_NOT_JUDGED, "something follows it");
        build_end(&build);
    }
}

static void test_two_streams_are_not_one(void **state)
{
    struct snapshot_build build;
    size_t size;

    (void)state;
    build_begin(&build);
    build_pack(&build, NULL);
    size = build.packed_size;
    build.packed = realloc(build.packed, 2 * size);
    assert_non_null(build.packed);
    memcpy(build.packed + size, build.packed, size);
    build.packed_size = 2 * size;
    expect(&build, EXIT_NOT_JUDGED, "something follows it");
    build_end(&build);
}

static void test_files_that_are_none(void **state)
{
    struct snapshot snapshot;
    char error[SNAPSHOT_ERROR_TEXT];
    struct snapshot_build build = {0};

    (void)state;
    assert_int_equal(snapshot_read(&snapshot, "/nowhere/at.snapshot", error), EXIT_USAGE);
    assert_non_null(strstr(error, "/nowhere/at.snapshot: No such file"));
    snapshot_free(&snapshot);
    assert_int_equal(snapshot_read(&snapshot, "/tmp", error), EXIT_USAGE);
    assert_non_null(strstr(error, "no regular file"));
    snapshot_free(&snapshot);
    build.packed = malloc(8);
    memcpy(build.packed, "\x7f\x45LF....", 8);
    expect(&build, EXIT_USAGE, "empty");
    unlink(build.path);
    build.packed_size = 8;
    expect(&build, EXIT_USAGE, "not packed by gzip");
    build_end(&build);
}

/* --- reading tables -------------------------------------------------------------------------- */

static void test_descriptors(void **state)
{
    struct snapshot_build build;
    struct snapshot_reader reader;
    uint64_t value = 0;

    (void)state;
    build_begin(&build);
    build_word(&build, 5, UINT64_C(0x0102030405060708));
    expect(&build, EXIT_HELD, "");
    reader = (struct snapshot_reader){.snapshot = &build.snapshot};
    assert_int_equal(snapshot_read_u64(&reader, BUILD_TABLES + 5 * 8, &value), 0);
    assert_true(value == UINT64_C(0x0102030405060708));
    assert_int_equal(snapshot_read_u64(&reader, BUILD_TABLES + BUILD_SIZE - 8, &value), 0);
    assert_int_equal(reader.missing, 0);
    build_end(&build);
}

/* What a word that is not there means. */
static void test_words_that_are_not_there(void **state)
{
    static const struct {
        uint64_t pa;
        bool missing; /* the snapshot should have had it */
    } cases[] = {
        {BUILD_TABLES - 8, true}, {BUILD_TABLES + BUILD_SIZE, true},
        {0x7f000000, false},                           /* listed as unreadable */
        {0x7f000ff8, false},      {0x60000000, false}, /* no memory */
        {0x08000000, false},                           /* a device */
    };
    struct snapshot_build build;

    (void)state;
    build_begin(&build);
    expect(&build, EXIT_HELD, "");
    for (size_t i = 0; i < SIZE_OF(cases); i++) {
        struct snapshot_reader reader = {.snapshot = &build.snapshot};
        uint64_t value = 0x55;

        assert_int_equal(snapshot_read_u64(&reader, cases[i].pa, &value), 1);
        assert_int_equal(value, 0x55);
        if (reader.missing != cases[i].missing) {
            fail_msg("0x%" PRIx64 ": missing %" PRIu64, cases[i].pa, reader.missing);
        }
        assert_true(reader.missing == 0 || reader.missing_pa == cases[i].pa);
    }
    build_end(&build);
}

/* Without a map of memory, all but what is listed should be there; a frame is a granule. */
static void test_words_without_a_memory_map(void **state)
{
    struct snapshot_build build;
    struct snapshot_reader reader;
    uint64_t value;

    (void)state;
    build_begin(&build);
    build_set(&build, "memory", "[]");
    expect(&build, EXIT_HELD, "");
    reader = (struct snapshot_reader){.snapshot = &build.snapshot};
    assert_null(snapshot_memory_at(&build.snapshot, BUILD_TABLES));
    assert_int_equal(snapshot_read_u64(&reader, 0x7f000ff8, &value), 1);
    assert_int_equal(reader.missing, 0);
    assert_int_equal(snapshot_read_u64(&reader, 0x7f001000, &value), 1);
    assert_int_equal(snapshot_read_u64(&reader, 0x7efffff8, &value), 1);
    assert_int_equal(reader.missing, 2);
    assert_true(reader.missing_pa == 0x7f001000); /* the first */
    build_end(&build);
}

static void test_memory_at(void **state)
{
    struct snapshot_build build;
    const struct snapshot *snapshot = &build.snapshot;

    (void)state;
    build_begin(&build);
    expect(&build, EXIT_HELD, "");
    assert_null(snapshot_memory_at(snapshot, 0x7ffffff));
    assert_ptr_equal(snapshot_memory_at(snapshot, 0x8000000), &snapshot->memory[0]);
    assert_ptr_equal(snapshot_memory_at(snapshot, 0x8000fff), &snapshot->memory[0]);
    assert_null(snapshot_memory_at(snapshot, 0x8001000));
    assert_ptr_equal(snapshot_memory_at(snapshot, 0x47ffffff), &snapshot->memory[1]);
    assert_null(snapshot_memory_at(snapshot, UINT64_MAX));
    build_end(&build);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_one_is_read),
        cmocka_unit_test(test_the_regimes),
        cmocka_unit_test(test_the_registers_of_el2),
        cmocka_unit_test(test_a_missing_register_is_named),
        cmocka_unit_test(test_damaged_headers),
        cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_lines_that_are_no_header),
        cmocka_unit_test(test_a_line_without_end),
        cmocka_unit_test(test_a_header_is_bounded),
        cmocka_unit_test(test_each_truncation_is_told),
        cmocka_unit_test(test_each_changed_bit_is_told),
        cmocka_unit_test(test_the_checksum),
        cmocka_unit_test(test_what_follows_the_stream),
        cmocka_unit_test(test_two_streams_are_not_one),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_words_that_are_not_there),
        cmocka_unit_test(test_words_without_a_memory_map),
        cmocka_unit_test(test_memory_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
