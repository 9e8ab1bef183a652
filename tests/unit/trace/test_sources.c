/* Source names and the exclusions in sources. */
#include "trace_builder.h"

#include <stdlib.h>
#include <unistd.h>

#include "markers.h"
#include "sources.h"

static const char *shown(struct sources *sources, const char *raw)
{
    uint32_t number = sources_number(sources, raw); /* may move the files */
    return sources->files[number].shown;
}

static void names_are_tidied(void **state)
{
    (void)state;
    struct sources sources;
    const struct source_rules rules = {0};
    const char *const cases[][2] = {
        {"./kernel/main.c", "kernel/main.c"},
        {"/a/b/../c.c", "/a/c.c"},
        {"/a//b/./c.c", "/a/b/c.c"},
        {"../x.c", "../x.c"},
        {"a/../x.c", "x.c"},
        {"a/../../x.c", "../x.c"},
        {"/../x.c", "/x.c"},
        {"a/b/../../x.c", "x.c"},
        {"../../x.c", "../../x.c"},
        {"/a/../x.c", "/x.c"},
    };
    sources_init(&sources, &rules);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(shown(&sources, cases[i][0]), cases[i][1]);
    }
    /* The same file under two names is one. */
    assert_int_equal(sources_number(&sources, "a/../x.c"), sources_number(&sources, "x.c"));
    assert_int_equal(sources_number(&sources, ""), SOURCE_NONE);
    assert_int_equal(sources_number(&sources, NULL), SOURCE_NONE);
    sources_free(&sources);
}

static void maps_prefix_and_keep_apply_in_this_order(void **state)
{
    (void)state;
    struct sources sources;
    const char *const maps[] = {"/build/src=lib", "/build=", "old=/new"};
    const char *const keeps[] = {"lib/"};
    const struct source_rules rules = {
        .prefix = "/home/me/", .maps = maps, .map_count = 3, .keeps = keeps, .keep_count = 1};
    sources_init(&sources, &rules);
    assert_string_equal(shown(&sources, "/build/src/a.c"), "/home/me/lib/a.c");
    assert_string_equal(shown(&sources, "/build/srcs/a.c"), "/home/me/srcs/a.c");
    assert_string_equal(shown(&sources, "old/a.c"), "/new/a.c");
    assert_string_equal(shown(&sources, "older/a.c"), "/home/me/older/a.c");
    assert_true(sources_kept(&sources, sources_number(&sources, "/build/src/a.c")));
    assert_false(sources_kept(&sources, sources_number(&sources, "/build/srcs/a.c")));
    assert_false(sources_kept(&sources, SOURCE_NONE));
    sources_free(&sources);
}

static void many_names_keep_their_numbers(void **state)
{
    (void)state;
    struct sources sources;
    const struct source_rules rules = {0};
    char name[32];
    sources_init(&sources, &rules);
    for (uint32_t i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "f%u.c", (unsigned)(2999 - i));
        assert_int_equal(sources_number(&sources, name), i);
    }
    uint32_t *renumbered = sources_sort(&sources);
    for (uint32_t i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "f%u.c", (unsigned)(2999 - i));
        assert_string_equal(sources.files[renumbered[i]].shown, name);
        assert_int_equal(sources_number(&sources, name), renumbered[i]);
    }
    assert_true(sources_kept(&sources, SOURCE_NONE));
    free(renumbered);
    sources_free(&sources);
}

static struct markers read_text(const char *text)
{
    struct markers markers;
    char path[] = "/tmp/markers-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    markers_read(&markers, path);
    unlink(path);
    return markers;
}

static void exclusions_carry_their_reason(void **state)
{
    (void)state;
    struct markers markers = read_text("a\n"
                                       "b /* LCOV_EXCL_LINE: cannot come */\n"
                                       "c // LCOV_EXCL_BR_LINE:  one way  \n"
                                       "/* LCOV_EXCL_START: a block */\n"
                                       "d\n"
                                       "/* LCOV_EXCL_STOP */\n"
                                       "e\n"
                                       "# LCOV_EXCL_BR_START: in asm\n"
                                       "# LCOV_EXCL_BR_STOP\n");
    assert_true(markers.found);
    assert_int_equal(markers.finding_count, 0);
    assert_null(markers_reason(&markers, 1, true));
    assert_string_equal(markers_reason(&markers, 2, false), "cannot come");
    assert_string_equal(markers_reason(&markers, 2, true), "cannot come");
    assert_null(markers_reason(&markers, 3, false));
    assert_string_equal(markers_reason(&markers, 3, true), "one way");
    assert_string_equal(markers_reason(&markers, 5, false), "a block");
    assert_null(markers_reason(&markers, 7, true));
    assert_null(markers_reason(&markers, 8, false));
    assert_string_equal(markers_reason(&markers, 9, true), "in asm");
    markers_free(&markers);
}

static void a_marker_without_a_reason_is_a_finding_and_excludes_nothing(void **state)
{
    (void)state;
    const char *const bare[] = {"x // LCOV_EXCL_LINE\n", "x // LCOV_EXCL_LINE:\n",
                                "x /* LCOV_EXCL_LINE:  */\n", "x // LCOV_EXCL_BR_LINE because\n",
                                "x // LCOV_EXCL_START\n // LCOV_EXCL_STOP\n"};
    for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++) {
        struct markers markers = read_text(bare[i]);
        assert_int_equal(markers.finding_count, 1);
        assert_int_equal(markers.findings[0].line, 1);
        assert_string_equal(markers.findings[0].text, "an exclusion without a reason");
        assert_null(markers_reason(&markers, 1, true));
        markers_free(&markers);
    }
}

static void ranges_must_pair(void **state)
{
    (void)state;
    struct markers markers = read_text("// LCOV_EXCL_STOP\n"
                                       "// LCOV_EXCL_START: a\n"
                                       "// LCOV_EXCL_START: b\n"
                                       "// LCOV_EXCL_STOP\n"
                                       "// LCOV_EXCL_BR_START: c\n");
    assert_int_equal(markers.finding_count, 3);
    assert_int_equal(markers.findings[0].line, 1);
    assert_int_equal(markers.findings[1].line, 3);
    assert_int_equal(markers.findings[2].line, 5);
    assert_string_equal(markers_reason(&markers, 3, false), "a");
    assert_null(markers_reason(&markers, 6, true));
    markers_free(&markers);
}

static void a_source_that_is_not_there_has_no_markers(void **state)
{
    (void)state;
    struct markers markers;
    markers_read(&markers, "/nowhere/at/all.c");
    assert_false(markers.found);
    assert_null(markers_reason(&markers, 1, true));
    markers_free(&markers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_tidied),
        cmocka_unit_test(maps_prefix_and_keep_apply_in_this_order),
        cmocka_unit_test(many_names_keep_their_numbers),
        cmocka_unit_test(exclusions_carry_their_reason),
        cmocka_unit_test(a_marker_without_a_reason_is_a_finding_and_excludes_nothing),
        cmocka_unit_test(ranges_must_pair),
        cmocka_unit_test(a_source_that_is_not_there_has_no_markers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
