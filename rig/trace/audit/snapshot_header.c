#include "snapshot_header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_code.h"
#include "memory.h"

/* Machines have dozens of pieces of memory; what looks through them all is bounded by this. */
enum { DESCRIPTOR_BYTES = 8, MEMORY_MAX = 4096 };
#define FORMAT "rig-snapshot"

/* Where the reader stands. */
struct place {
    const char *list; /* "frames" */
    size_t index;
    char *error;
};

__attribute__((format(printf, 2, 3))) static bool damaged(char *error, const char *format, ...)
{
    va_list arguments;
    int at = snprintf(error, SNAPSHOT_ERROR_TEXT, "damaged snapshot: ");

    va_start(arguments, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above
    vsnprintf(error + at, SNAPSHOT_ERROR_TEXT - (size_t)at, format, arguments);
    va_end(arguments);
    return false;
}

/* A text of the file in a message: short. */
static const char *shown(const json_t *value)
{
    const char *text = json_string_value(value);

    return text == NULL ? "(no text)" : text;
}

/* "0x..." of at most 64 bits. */
static bool number(const json_t *value, uint64_t *out)
{
    const char *text = json_string_value(value);

    if (text == NULL || strncmp(text, "0x", 2) != 0 || text[2] == '\0' ||
        strspn(text + 2, "0123456789abcdefABCDEF") != strlen(text + 2)) {
        return false;
    }
    errno = 0;
    *out = strtoull(text + 2, NULL, 16);
    return errno == 0;
}

static bool need_number(const struct place *place, const char *what, const json_t *value,
                        uint64_t *out)
{
    if (number(value, out)) {
        return true;
    }
    return damaged(place->error, "%s %zu: %s is no number of 64 bits: %.40s", place->list,
                   place->index, what, shown(value));
}

/* Whether a text is fit to be printed: without what moves cursors, rings bells and sets colours. */
static bool printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == '\x7f') {
            return false;
        }
    }
    return true;
}

/* Called for each item of a list; false ends the reading. */
typedef bool (*read_item)(struct snapshot *snapshot, const struct place *place, const json_t *item);

/* Room for the items and a call for each. */
static bool read_list(struct snapshot *snapshot, const char *key, size_t limit, void **items,
                      size_t size, read_item read, char *error)
{
    const json_t *list = json_object_get(snapshot->header, key);
    struct place place = {key, 0, error};

    if (!json_is_array(list)) {
        return damaged(error, "it has no list of %s", key);
    }
    if (json_array_size(list) > limit) {
        return damaged(error, "it has %zu %s, and %zu are the most", json_array_size(list), key,
                       limit);
    }
    *items = memory_get(json_array_size(list), size);
    for (; place.index < json_array_size(list); place.index++) {
        if (!read(snapshot, &place, json_array_get(list, place.index))) {
            return false;
        }
    }
    return true;
}

static bool memory_kind(const char *word, enum snapshot_memory_kind *kind)
{
    static const char *const words[] = {
        [SNAPSHOT_RAM] = "ram", [SNAPSHOT_ROM] = "rom", [SNAPSHOT_IO] = "io"};

    for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0) {
            *kind = (enum snapshot_memory_kind)i;
            return true;
        }
    }
    return false;
}

static bool read_memory(struct snapshot *snapshot, const struct place *place, const json_t *item)
{
    struct snapshot_memory *memory = &snapshot->memory[snapshot->memory_count];
    const json_t *kind = json_object_get(item, "kind");

    if (!need_number(place, "first", json_object_get(item, "first"), &memory->first) ||
        !need_number(place, "last", json_object_get(item, "last"), &memory->last)) {
        return false;
    }
    memory->name = json_string_value(json_object_get(item, "name"));
    if (!memory_kind(json_string_value(kind), &memory->kind) || memory->name == NULL ||
        !printable(memory->name)) {
        return damaged(place->error, "memory %zu: neither RAM nor ROM nor I/O, or without a name",
                       place->index);
    }
    if (memory->last < memory->first ||
        (snapshot->memory_count > 0 && memory->first <= memory[-1].last)) {
        return damaged(place->error, "memory %zu at 0x%" PRIx64 " is not in ascending order",
                       place->index, memory->first);
    }
    snapshot->memory_count++;
    return true;
}

static bool read_frame(struct snapshot *snapshot, const struct place *place, const json_t *item)
{
    struct snapshot_frames *frames = &snapshot->frames[snapshot->frame_count];
    const json_t *size = json_object_get(item, "size");

    if (!need_number(place, "pa", json_object_get(item, "pa"), &frames->pa)) {
        return false;
    }
    if (!json_is_integer(size) || json_integer_value(size) <= 0) {
        return damaged(place->error, "frames %zu: the size is no number above 0", place->index);
    }
    frames->size = (uint64_t)json_integer_value(size);
    if (frames->pa % DESCRIPTOR_BYTES != 0 || frames->size % DESCRIPTOR_BYTES != 0) {
        return damaged(place->error,
                       "frames %zu at 0x%" PRIx64 " of %" PRIu64
                       " bytes are not aligned to descriptors",
                       place->index, frames->pa, frames->size);
    }
    if (frames->size - 1 > UINT64_MAX - frames->pa ||
        (snapshot->frame_count > 0 && frames->pa - frames[-1].pa < frames[-1].size)) {
        return damaged(place->error, "frames %zu at 0x%" PRIx64 " overlap others", place->index,
                       frames->pa);
    }
    if (snapshot->frame_count > 0 && frames->pa < frames[-1].pa) {
        return damaged(place->error, "frames %zu at 0x%" PRIx64 " are not in ascending order",
                       place->index, frames->pa);
    }
    snapshot->frame_count++;
    return true;
}

static bool read_unreadable(struct snapshot *snapshot, const struct place *place,
                            const json_t *item)
{
    uint64_t *pa = &snapshot->unreadable[snapshot->unreadable_count];

    if (!need_number(place, "the address", item, pa)) {
        return false;
    }
    if (snapshot->unreadable_count > 0 && *pa <= pa[-1]) {
        return damaged(place->error, "unreadable %zu at 0x%" PRIx64 " is not in ascending order",
                       place->index, *pa);
    }
    snapshot->unreadable_count++;
    return true;
}

static bool read_witness(struct snapshot *snapshot, const struct place *place, const json_t *item)
{
    struct snapshot_witness *witness = &snapshot->witnesses[snapshot->witness_count];
    const json_t *pa = json_array_get(item, 1);

    if (json_array_size(item) != 2) {
        return damaged(place->error, "witnesses %zu: no pair of addresses", place->index);
    }
    witness->translates = !json_is_null(pa);
    if (!need_number(place, "the virtual address", json_array_get(item, 0), &witness->va) ||
        (witness->translates && !need_number(place, "the physical address", pa, &witness->pa))) {
        return false;
    }
    snapshot->witness_count++;
    return true;
}

/* --- registers ------------------------------------------------------------------------------- */

/* A register that a walk needs, in each regime. */
struct needed {
    const char *el1;
    const char *el2; /* NULL: not in that regime */
    size_t offset;
};

#define NEEDED(el1, el2, member)                                                                   \
    {                                                                                              \
        el1, el2, offsetof(struct rig_walk_regs, member)                                           \
    }

static bool read_needed(struct snapshot *snapshot, char *error)
{
    static const struct needed needed[] = {
        NEEDED("SCTLR_EL1", "SCTLR_EL2", sctlr),
        NEEDED("TCR_EL1", "TCR_EL2", tcr),
        NEEDED("TTBR0_EL1", "TTBR0_EL2", ttbr0),
        NEEDED("TTBR1_EL1", NULL, ttbr1),
        NEEDED("MAIR_EL1", "MAIR_EL2", mair),
        NEEDED("ID_AA64MMFR0_EL1", "ID_AA64MMFR0_EL1", id_aa64mmfr0),
        NEEDED("ID_AA64MMFR1_EL1", "ID_AA64MMFR1_EL1", id_aa64mmfr1),
        NEEDED("ID_AA64MMFR2_EL1", "ID_AA64MMFR2_EL1", id_aa64mmfr2),
        NEEDED("PSTATE", "PSTATE", pstate),
    };
    bool el2 = snapshot->regs.regime == RIG_WALK_REGIME_EL2;

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        const char *name = el2 ? needed[i].el2 : needed[i].el1;
        unsigned char *member = (unsigned char *)&snapshot->regs + needed[i].offset;
        uint64_t value;

        if (name == NULL) {
            continue;
        }
        if (!snapshot_register(snapshot, name, &value)) {
            snprintf(error, SNAPSHOT_ERROR_TEXT,
                     "the snapshot does not have %s, without which no table can be read", name);
            return false;
        }
        memcpy(member, &value, sizeof(value));
    }
    return true;
}

/* Every register is a number, also those that nobody asks for. */
static bool read_registers(const struct snapshot *snapshot, char *error)
{
    json_t *registers = json_object_get(snapshot->header, "registers");
    const char *name;
    json_t *item;
    uint64_t value;

    if (!json_is_object(registers)) {
        return damaged(error, "it has no registers");
    }
    json_object_foreach(registers, name, item)
    {
        if (!number(item, &value)) {
            return damaged(error, "register %.40s is no number of 64 bits: %.40s", name,
                           shown(item));
        }
    }
    return true;
}

static bool read_regime(struct snapshot *snapshot, char *error)
{
    const char *regime = json_string_value(json_object_get(snapshot->header, "regime"));

    if (regime == NULL) {
        return damaged(error, "it does not tell the translation regime");
    }
    if (strcmp(regime, "EL1&0") == 0) {
        snapshot->walkable = true;
        snapshot->regs.regime = RIG_WALK_REGIME_EL1_0;
    } else if (strcmp(regime, "EL2") == 0) {
        snapshot->walkable = true;
        snapshot->regs.regime = RIG_WALK_REGIME_EL2;
    } else if (strcmp(regime, "EL2&0") == 0) {
        snapshot->not_walkable = "the guest stopped in the EL2&0 regime (HCR_EL2.E2H = 1), whose "
                                 "tables the rig does not read";
    } else if (strcmp(regime, "EL3") == 0) {
        snapshot->not_walkable = "the guest stopped in EL3, whose tables the rig does not read";
    } else {
        return damaged(error, "it tells a translation regime that there is not: %.40s", regime);
    }
    return !snapshot->walkable || read_needed(snapshot, error);
}

/* Not more than the walker takes: RIG_WALK_TABLES_MAX tables of a granule each. */
static bool frames_fit(const struct snapshot *snapshot, char *error)
{
    uint64_t left = (uint64_t)RIG_WALK_TABLES_MAX * snapshot_granule(snapshot);

    for (size_t i = 0; i < snapshot->frame_count; i++) {
        if (snapshot->frames[i].size > left) {
            return damaged(error, "it lists more tables than a walk can reach");
        }
        left -= snapshot->frames[i].size;
    }
    return true;
}

static bool made_is_printable(json_t *made)
{
    const char *key;
    json_t *item;

    json_object_foreach(made, key, item)
    {
        if (json_is_string(item) && !printable(json_string_value(item))) {
            return false;
        }
    }
    return json_is_object(made);
}

static bool read_all(struct snapshot *snapshot, char *error)
{
    if (!made_is_printable(json_object_get(snapshot->header, "made"))) {
        return damaged(error, "it does not tell how it was made, or not in words");
    }
    if (!read_registers(snapshot, error) || !read_regime(snapshot, error)) {
        return false;
    }
    return read_list(snapshot, "memory", MEMORY_MAX, (void **)&snapshot->memory,
                     sizeof(snapshot->memory[0]), read_memory, error) &&
           read_list(snapshot, "frames", RIG_WALK_TABLES_MAX, (void **)&snapshot->frames,
                     sizeof(snapshot->frames[0]), read_frame, error) &&
           read_list(snapshot, "unreadable", RIG_WALK_TABLES_MAX, (void **)&snapshot->unreadable,
                     sizeof(snapshot->unreadable[0]), read_unreadable, error) &&
           read_list(snapshot, "witnesses", SIZE_MAX, (void **)&snapshot->witnesses,
                     sizeof(snapshot->witnesses[0]), read_witness, error) &&
           frames_fit(snapshot, error);
}

int snapshot_header_read(struct snapshot *snapshot, const char *line, size_t length,
                         char error[static SNAPSHOT_ERROR_TEXT])
{
    json_error_t problem;

    snapshot->header = json_loadb(line, length, JSON_REJECT_DUPLICATES, &problem);
    if (snapshot->header == NULL) {
        damaged(error, "its first line is no JSON: column %d: %s", problem.column, problem.text);
        return EXIT_NOT_JUDGED;
    }
    const char *format = json_string_value(json_object_get(snapshot->header, "format"));
    const json_t *version = json_object_get(snapshot->header, "version");

    if (format == NULL || strcmp(format, FORMAT) != 0) {
        snprintf(error, SNAPSHOT_ERROR_TEXT, "no snapshot: its first line does not say " FORMAT);
        return EXIT_USAGE;
    }
    if (!json_is_integer(version)) {
        damaged(error, "it does not tell its version");
        return EXIT_NOT_JUDGED;
    }
    if (json_integer_value(version) != SNAPSHOT_VERSION) {
        snprintf(error, SNAPSHOT_ERROR_TEXT,
                 "snapshot of version %" JSON_INTEGER_FORMAT "; this rig-trace reads %d",
                 json_integer_value(version), SNAPSHOT_VERSION);
        return EXIT_NOT_JUDGED;
    }
    return read_all(snapshot, error) ? EXIT_HELD : EXIT_NOT_JUDGED;
}
