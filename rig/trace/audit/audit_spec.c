/* The spec file of an audit: strict, so that a word that the driver got wrong never goes unseen. */
#include "audit_spec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_code.h"
#include "memory.h"

enum { LAST_BIT = 63 };
#define NO_INDEX SIZE_MAX

/* Where the reader stands: errors begin with "FILE: LIST[INDEX].KEY". */
struct place {
    const char *file;
    const char *list; /* NULL: the top of the file */
    size_t index;     /* NO_INDEX: the list is one object */
    const json_t *object;
    char *error;
};

__attribute__((format(printf, 3, 4))) static bool fail(const struct place *place, const char *key,
                                                       const char *format, ...)
{
    char index[sizeof("[18446744073709551615]")] = "";
    va_list arguments;
    int at;

    if (place->list != NULL && place->index != NO_INDEX) {
        snprintf(index, sizeof(index), "[%zu]", place->index);
    }
    at = snprintf(place->error, AUDIT_SPEC_ERROR_TEXT, "%s: %s%s%s%s: ", place->file,
                  place->list == NULL ? "" : place->list, index,
                  place->list == NULL || key[0] == '\0' ? "" : ".", key);
    if (at > 0 && at < AUDIT_SPEC_ERROR_TEXT) {
        va_start(arguments, format);
        // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above
        vsnprintf(place->error + at, AUDIT_SPEC_ERROR_TEXT - (size_t)at, format, arguments);
        va_end(arguments);
    }
    return false;
}

/* Every key of the object is one of `keys`, which ends with NULL. */
static bool known_keys(const struct place *place, const char *const *keys)
{
    const char *key;
    json_t *value;

    if (!json_is_object(place->object)) {
        return fail(place, "", "expected an object");
    }
    json_object_foreach((json_t *)(uintptr_t)place->object, key, value)
    {
        size_t at = 0;

        while (keys[at] != NULL && strcmp(keys[at], key) != 0) {
            at++;
        }
        if (keys[at] == NULL) {
            return fail(place, key, "unknown key");
        }
    }
    return true;
}

static bool parse_hex(const char *text, uint64_t *value)
{
    char *end;

    if (text == NULL || strncmp(text, "0x", 2) != 0 ||
        strspn(text + 2, "0123456789abcdefABCDEF") != strlen(text + 2) || text[2] == '\0') {
        return false;
    }
    errno = 0;
    *value = strtoull(text + 2, &end, 16);
    return errno == 0 && *end == '\0';
}

static bool take_hex(const struct place *place, const char *key, uint64_t *value)
{
    const json_t *item = json_object_get(place->object, key);

    if (parse_hex(json_string_value(item), value)) {
        return true;
    }
    return fail(place, key, "expected a number of 64 bits as text, like \"0x40080000\"");
}

static bool take_range(const struct place *place, struct audit_range *range)
{
    if (!take_hex(place, "first", &range->first) || !take_hex(place, "last", &range->last)) {
        return false;
    }
    if (range->first > range->last) {
        return fail(place, "last", "0x%" PRIx64 " lies before first, 0x%" PRIx64, range->last,
                    range->first);
    }
    return true;
}

/* A text; `otherwise` when the key is absent, which is an error when that is NULL. */
static bool take_text(const struct place *place, const char *key, const char *otherwise,
                      const char **text)
{
    const json_t *item = json_object_get(place->object, key);

    *text = item == NULL ? otherwise : json_string_value(item);
    return *text != NULL || fail(place, key, "expected a text");
}

/* A text that says something. */
static bool take_reason(const struct place *place, const char *expected, const char **reason)
{
    *reason = json_string_value(json_object_get(place->object, "why"));
    if (*reason == NULL || (*reason)[0] == '\0') {
        return fail(place, "why", "expected %s", expected);
    }
    return true;
}

static bool take_flag(const struct place *place, const char *key, bool otherwise, bool *flag)
{
    const json_t *item = json_object_get(place->object, key);

    *flag = item == NULL ? otherwise : json_is_true(item);
    return item == NULL || json_is_boolean(item) || fail(place, key, "expected true or false");
}

/* A text that is one of `words`, which ends with NULL. */
static bool take_word(const struct place *place, const char *key, const char *const *words,
                      const char *expected, const char **word)
{
    if (!take_text(place, key, NULL, word)) {
        return fail(place, key, "expected %s", expected);
    }
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], *word) == 0) {
            return true;
        }
    }
    return fail(place, key, "expected %s, not \"%s\"", expected, *word);
}

static bool take_rights(const struct place *place, const char *key, const char **rights)
{
    static const char letters[] = "rwx";
    bool good = take_text(place, key, NULL, rights) && strlen(*rights) == strlen(letters);

    for (size_t i = 0; good && letters[i] != '\0'; i++) {
        good = (*rights)[i] == letters[i] || (*rights)[i] == '-';
    }
    return good || fail(place, key, "expected rights, like \"r-x\" or \"---\"");
}

static bool take_bit(const struct place *place, const char *key, unsigned *bit)
{
    const json_t *item = json_object_get(place->object, key);
    json_int_t value = json_integer_value(item);

    if (!json_is_integer(item) || value < 0 || value > LAST_BIT) {
        return fail(place, key, "expected the number of a bit, 0 to 63");
    }
    *bit = (unsigned)value;
    return true;
}

static bool read_region(const struct place *place, struct audit_spec *spec)
{
    static const char *const keys[] = {"first", "last", "space", "kernel", "name", NULL};
    static const char *const spaces[] = {"pa", "va", NULL};
    struct audit_region *region = &spec->regions[place->index];
    const char *space;

    if (!known_keys(place, keys) || !take_range(place, &region->range) ||
        !take_word(place, "space", spaces, "\"pa\" or \"va\"", &space) ||
        !take_flag(place, "kernel", false, &region->kernel) ||
        !take_text(place, "name", NULL, &region->name)) {
        return false;
    }
    region->physical = strcmp(space, "pa") == 0;
    spec->region_count++;
    return true;
}

static bool read_device(const struct place *place, struct audit_spec *spec)
{
    static const char *const keys[] = {"first", "last", "name", NULL};
    const char *name;

    if (!known_keys(place, keys) || !take_range(place, &spec->devices[place->index]) ||
        !take_text(place, "name", "", &name)) {
        return false;
    }
    spec->device_count++;
    return true;
}

static bool read_guard(const struct place *place, struct audit_spec *spec)
{
    static const char *const keys[] = {"first", "last", "name", "why", NULL};
    struct audit_guard *guard = &spec->guards[place->index];

    if (!known_keys(place, keys) || !take_range(place, &guard->range) ||
        !take_text(place, "name", NULL, &guard->name) ||
        !take_text(place, "why", "", &guard->why)) {
        return false;
    }
    spec->guard_count++;
    return true;
}

static bool read_waiver(const struct place *place, struct audit_spec *spec)
{
    static const char *const keys[] = {"rule", "first", "last", "why", "text", NULL};
    struct audit_waiver *waiver = &spec->waivers[place->index];

    if (!known_keys(place, keys) || !take_text(place, "rule", NULL, &waiver->rule) ||
        !take_range(place, &waiver->range) ||
        !take_reason(place, "the reason of the waiver", &waiver->why) ||
        !take_text(place, "text", "", &waiver->text)) {
        return false;
    }
    spec->waiver_count++;
    return true;
}

static bool read_rule(const struct place *place, struct audit_spec *spec)
{
    const char *rule = json_string_value(place->object);

    if (rule == NULL) {
        return fail(place, "", "expected the id of a rule");
    }
    spec->rules[spec->rule_count++] = rule;
    return true;
}

static bool read_map_line(const struct place *place, struct audit_spec *spec)
{
    static const char *const keys[] = {"first",  "last",         "pa",     "el1",  "el0",
                                       "memory", "shareability", "global", "name", NULL};
    static const char *const shareabilities[] = {"non", "outer", "inner", NULL};
    struct audit_map_line *line = &spec->map[place->index];
    const char *pa = json_string_value(json_object_get(place->object, "pa"));

    if (!known_keys(place, keys) || !take_range(place, &line->range) ||
        !take_rights(place, "el1", &line->el1) || !take_rights(place, "el0", &line->el0) ||
        !take_text(place, "memory", NULL, &line->memory) ||
        !take_flag(place, "global", true, &line->global) ||
        !take_text(place, "name", "", &line->name)) {
        return false;
    }
    if (json_object_get(place->object, "shareability") != NULL &&
        !take_word(place, "shareability", shareabilities, "\"inner\", \"outer\" or \"non\"",
                   &line->shareability)) {
        return false;
    }
    line->pa_kind = AUDIT_PA_ANY_RAM;
    if (pa == NULL || strcmp(pa, "any") != 0) {
        line->pa_kind = AUDIT_PA_EXACT;
        if (!parse_hex(pa, &line->pa)) {
            return fail(place, "pa",
                        "expected an address as text, like \"0x40080000\", or "
                        "\"any\" for any frame of RAM");
        }
    }
    spec->map_count++;
    return true;
}

static bool read_harmless(const struct place *place, struct audit_spec *spec)
{
    static const char *const keys[] = {"kind", "high", "low", "why", NULL};
    static const char *const kinds[] = {"table", "block", "page", "invalid", NULL};
    struct audit_harmless *line = &spec->harmless[place->index];

    if (!known_keys(place, keys) ||
        !take_word(place, "kind", kinds, "\"table\", \"block\", \"page\" or \"invalid\"",
                   &line->kind) ||
        !take_bit(place, "high", &line->high) || !take_bit(place, "low", &line->low) ||
        !take_reason(place, "why such a change is harmless", &line->why)) {
        return false;
    }
    if (line->low > line->high) {
        return fail(place, "low", "%u lies above high, %u", line->low, line->high);
    }
    spec->harmless_count++;
    return true;
}

/* A list of the file: `items` gets room for what `read` fills in one by one. */
static bool read_list(const struct place *top, const char *key, void *items, size_t size,
                      struct audit_spec *spec,
                      bool (*read)(const struct place *place, struct audit_spec *spec))
{
    const json_t *list = json_object_get(top->object, key);
    struct place place = {.file = top->file, .list = key, .error = top->error};

    if (list == NULL) {
        return true;
    }
    if (!json_is_array(list)) {
        return fail(top, key, "expected a list");
    }
    void *room = memory_get(json_array_size(list), size);
    memcpy(items, &room, sizeof(room));
    for (place.index = 0; place.index < json_array_size(list); place.index++) {
        place.object = json_array_get(list, place.index);
        if (!read(&place, spec)) {
            return false;
        }
    }
    return true;
}

static bool read_offset(const struct place *top, struct audit_spec *spec)
{
    static const char *const keys[] = {"by", "first", "last", NULL};
    const struct place place = {.file = top->file,
                                .list = "offset",
                                .index = NO_INDEX,
                                .object = json_object_get(top->object, "offset"),
                                .error = top->error};

    if (place.object == NULL) {
        return true;
    }
    spec->has_offset = known_keys(&place, keys) && take_hex(&place, "by", &spec->offset) &&
                       take_range(&place, &spec->offset_range);
    return spec->has_offset;
}

static int by_first(const void *left_item, const void *right_item)
{
    const struct audit_map_line *left = left_item;
    const struct audit_map_line *right = right_item;

    return (left->range.first > right->range.first) - (left->range.first < right->range.first);
}

/* The expected map in ascending order; a range is described once. */
static bool order_map(const struct place *top, struct audit_spec *spec)
{
    spec->has_map = json_object_get(top->object, "map") != NULL;
    if (spec->map_count > 0) {
        qsort(spec->map, spec->map_count, sizeof(spec->map[0]), by_first);
    }
    for (size_t i = 1; i < spec->map_count; i++) {
        const struct audit_map_line *before = &spec->map[i - 1];
        const struct audit_map_line *line = &spec->map[i];

        if (line->range.first <= before->range.last) {
            return fail(top, "map",
                        "0x%" PRIx64 "-0x%" PRIx64 " (%s) and 0x%" PRIx64 "-0x%" PRIx64
                        " (%s) overlap",
                        before->range.first, before->range.last, before->name, line->range.first,
                        line->range.last, line->name);
        }
    }
    return true;
}

static bool read_all(const struct place *top, struct audit_spec *spec)
{
    static const char *const keys[] = {"schema", "regions", "devices", "guards",   "waive",
                                       "rules",  "offset",  "map",     "harmless", NULL};
    const char *schema = json_string_value(json_object_get(top->object, "schema"));

    if (!json_is_object(top->object) || schema == NULL || strcmp(schema, AUDIT_SPEC_SCHEMA) != 0) {
        return fail(top, "schema", "expected \"" AUDIT_SPEC_SCHEMA "\"");
    }
    return known_keys(top, keys) &&
           read_list(top, "regions", &spec->regions, sizeof(spec->regions[0]), spec, read_region) &&
           read_list(top, "devices", &spec->devices, sizeof(spec->devices[0]), spec, read_device) &&
           read_list(top, "guards", &spec->guards, sizeof(spec->guards[0]), spec, read_guard) &&
           read_list(top, "waive", &spec->waivers, sizeof(spec->waivers[0]), spec, read_waiver) &&
           read_list(top, "rules", &spec->rules, sizeof(spec->rules[0]), spec, read_rule) &&
           read_list(top, "map", &spec->map, sizeof(spec->map[0]), spec, read_map_line) &&
           read_list(top, "harmless", &spec->harmless, sizeof(spec->harmless[0]), spec,
                     read_harmless) &&
           read_offset(top, spec) && order_map(top, spec);
}

int audit_spec_read(struct audit_spec *spec, const char *path,
                    char error[static AUDIT_SPEC_ERROR_TEXT])
{
    json_error_t problem;
    FILE *file = fopen(path, "re");

    *spec = (struct audit_spec){0};
    if (file == NULL) {
        snprintf(error, AUDIT_SPEC_ERROR_TEXT, "%s: cannot read: %s", path, strerror(errno));
        return EXIT_USAGE;
    }
    spec->json = json_loadf(file, JSON_REJECT_DUPLICATES, &problem);
    fclose(file);
    if (spec->json == NULL) {
        snprintf(error, AUDIT_SPEC_ERROR_TEXT, "%s:%d: not JSON: %s", path, problem.line,
                 problem.text);
        return EXIT_USAGE;
    }
    const struct place top = {.file = path, .object = spec->json, .error = error};
    return read_all(&top, spec) ? EXIT_HELD : EXIT_USAGE;
}

void audit_spec_free(struct audit_spec *spec)
{
    free(spec->regions);
    free(spec->devices);
    free(spec->guards);
    free(spec->waivers);
    free((void *)spec->rules);
    free(spec->map);
    free(spec->harmless);
    json_decref(spec->json);
    *spec = (struct audit_spec){0};
}
