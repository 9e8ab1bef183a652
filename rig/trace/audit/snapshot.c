/* Snapshot files: read whole, checked whole, and only then used. */
#include "snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "exit_code.h"
#include "memory.h"

enum {
    HEADER_MAX = 64 << 20,
    FRAMES_MAX = 65536,
    FRAME_SIZE_MAX = 65536,
    WORD = 8,
    CHUNK = 1 << 16,
};
#define FORMAT "rig-snapshot"

/* What is being read. */
struct file {
    const char *path;
    gzFile stream;
    char *error;
};

__attribute__((format(printf, 3, 4))) static int fail(const struct file *file, int code,
                                                      const char *format, ...)
{
    int at = snprintf(file->error, SNAPSHOT_ERROR_TEXT, "%s: ", file->path);
    va_list arguments;

    if (at > 0 && at < SNAPSHOT_ERROR_TEXT) {
        va_start(arguments, format);
        vsnprintf(file->error + at, SNAPSHOT_ERROR_TEXT - (size_t)at, format, arguments);
        va_end(arguments);
    }
    return code;
}

static int damaged(const struct file *file, const char *what)
{
    return fail(file, EXIT_NOT_JUDGED, "damaged snapshot: %s", what);
}

/* What zlib says of the stream, when a read came back short. */
static int short_read(const struct file *file)
{
    int problem = Z_OK;
    const char *words = gzerror(file->stream, &problem);

    if (problem == Z_ERRNO) {
        return fail(file, EXIT_NOT_JUDGED, "cannot read: %s", strerror(errno));
    }
    if (problem == Z_BUF_ERROR || problem == Z_OK) {
        return damaged(file, "truncated: the file ends before the snapshot does");
    }
    return fail(file, EXIT_NOT_JUDGED, "damaged snapshot: %s", words);
}

/* The first line, NUL-terminated, without its end of line. */
static int read_line(const struct file *file, char **line)
{
    size_t room = CHUNK;
    size_t length = 0;
    char *text = memory_get(room, 1);

    *line = text;
    for (;;) {
        int byte = gzgetc(file->stream);

        if (byte < 0) {
            return short_read(file);
        }
        if (byte == '\n') {
            text[length] = '\0';
            return EXIT_HELD;
        }
        if (length == 0 && byte != '{') {
            return fail(file, EXIT_USAGE, "no snapshot: it does not begin with a line of JSON");
        }
        if (length + 1 == HEADER_MAX) {
            return damaged(file, "its first line does not end");
        }
        text = memory_grow(text, length + 1, &room, 1);
        *line = text;
        text[length++] = (char)byte;
    }
}

static bool take_hex(const json_t *value, uint64_t *number)
{
    const char *text = json_string_value(value);
    char *end;

    if (text == NULL || strncmp(text, "0x", 2) != 0 || text[2] == '\0' ||
        strspn(text + 2, "0123456789abcdefABCDEF") != strlen(text + 2)) {
        return false;
    }
    errno = 0;
    *number = strtoull(text + 2, &end, 16);
    return errno == 0;
}

static bool take_member(const json_t *object, const char *key, uint64_t *number)
{
    return take_hex(json_object_get(object, key), number);
}

static bool take_kind(const char *text, enum snapshot_memory_kind *kind)
{
    static const char *const NAMES[] = {
        [SNAPSHOT_RAM] = "ram", [SNAPSHOT_ROM] = "rom", [SNAPSHOT_IO] = "io"};

    for (size_t i = 0; text != NULL && i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(text, NAMES[i]) == 0) {
            *kind = (enum snapshot_memory_kind)i;
            return true;
        }
    }
    return false;
}

/* A list of the header; NULL when it is none. */
static const json_t *list(const struct snapshot *snapshot, const char *key)
{
    const json_t *value = json_object_get(snapshot->header, key);

    return json_is_array(value) ? value : NULL;
}

static int read_memory(const struct file *file, struct snapshot *snapshot)
{
    const json_t *items = list(snapshot, "memory");

    if (items == NULL) {
        return damaged(file, "it has no list \"memory\"");
    }
    snapshot->memory = memory_get(json_array_size(items), sizeof(*snapshot->memory));
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct snapshot_memory *memory = &snapshot->memory[i];

        memory->name = json_string_value(json_object_get(item, "name"));
        if (!take_member(item, "first", &memory->first) ||
            !take_member(item, "last", &memory->last) || memory->first > memory->last ||
            memory->name == NULL ||
            !take_kind(json_string_value(json_object_get(item, "kind")), &memory->kind) ||
            (i > 0 && memory->first <= memory[-1].last)) {
            return fail(file, EXIT_NOT_JUDGED,
                        "damaged snapshot: memory[%zu] is no range above "
                        "the one before it",
                        i);
        }
        snapshot->memory_count = i + 1;
    }
    return EXIT_HELD;
}

static int read_unreadable(const struct file *file, struct snapshot *snapshot)
{
    const json_t *items = list(snapshot, "unreadable");

    if (items == NULL) {
        return damaged(file, "it has no list \"unreadable\"");
    }
    snapshot->unreadable = memory_get(json_array_size(items), sizeof(*snapshot->unreadable));
    for (size_t i = 0; i < json_array_size(items); i++) {
        uint64_t *pa = &snapshot->unreadable[i];

        if (!take_hex(json_array_get(items, i), pa) || (i > 0 && *pa <= pa[-1])) {
            return fail(file, EXIT_NOT_JUDGED,
                        "damaged snapshot: unreadable[%zu] is no address above the one before it",
                        i);
        }
        snapshot->unreadable_count = i + 1;
    }
    return EXIT_HELD;
}

static int read_witnesses(const struct file *file, struct snapshot *snapshot)
{
    const json_t *items = list(snapshot, "witnesses");

    if (items == NULL) {
        return damaged(file, "it has no list \"witnesses\"");
    }
    snapshot->witnesses = memory_get(json_array_size(items), sizeof(*snapshot->witnesses));
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        const json_t *answer = json_array_get(item, 1);
        struct snapshot_witness *witness = &snapshot->witnesses[i];

        witness->translates = !json_is_null(answer);
        if (json_array_size(item) != 2 || !take_hex(json_array_get(item, 0), &witness->va) ||
            (witness->translates && !take_hex(answer, &witness->pa))) {
            return fail(file, EXIT_NOT_JUDGED,
                        "damaged snapshot: witnesses[%zu] is no address with an answer", i);
        }
        snapshot->witness_count = i + 1;
    }
    return EXIT_HELD;
}

/* The bytes of frame number i, as its line in the header says. */
static int read_frame(const struct file *file, struct snapshot *snapshot, size_t i,
                      const json_t *item, uint64_t *total)
{
    struct snapshot_frames *frames = &snapshot->frames[i];
    json_int_t size = json_integer_value(json_object_get(item, "size"));
    size_t done = 0;

    if (!take_member(item, "pa", &frames->pa) || size <= 0 || size % WORD != 0 ||
        frames->pa % WORD != 0 || frames->pa + ((uint64_t)size - 1) < frames->pa ||
        (i > 0 && frames->pa - 1 < frames[-1].pa + (frames[-1].size - 1))) {
        return fail(file, EXIT_NOT_JUDGED,
                    "damaged snapshot: frames[%zu] is no stretch of words above the one before it",
                    i);
    }
    *total += (uint64_t)size;
    if ((uint64_t)size > (uint64_t)FRAMES_MAX * FRAME_SIZE_MAX ||
        *total > (uint64_t)FRAMES_MAX * FRAME_SIZE_MAX) {
        return damaged(file, "more tables than a snapshot can have");
    }
    /* Grown as it comes: a size that the file does not have takes no memory. */
    for (size_t room = 0; done < (size_t)size;) {
        size_t want = (size_t)size - done < CHUNK ? (size_t)size - done : CHUNK;
        int got;

        while (room < done + want) {
            frames->bytes = memory_grow(frames->bytes, room, &room, 1);
        }
        got = gzread(file->stream, frames->bytes + done, (unsigned)want);
        if (got != (int)want) {
            return short_read(file);
        }
        done += want;
    }
    frames->size = (uint64_t)size;
    snapshot->frame_count = i + 1;
    return EXIT_HELD;
}

static int read_frames(const struct file *file, struct snapshot *snapshot)
{
    const json_t *items = list(snapshot, "frames");
    uint64_t total = 0;
    char behind;
    int code = EXIT_HELD;
    int got;

    if (items == NULL || json_array_size(items) > FRAMES_MAX) {
        return damaged(file, "it has no list \"frames\" of at most 65536");
    }
    snapshot->frames = memory_get(json_array_size(items), sizeof(*snapshot->frames));
    for (size_t i = 0; code == EXIT_HELD && i < json_array_size(items); i++) {
        code = read_frame(file, snapshot, i, json_array_get(items, i), &total);
        if (code != EXIT_HELD && snapshot->frames[i].bytes != NULL) {
            snapshot->frame_count = i + 1; /* its bytes are freed with the others */
        }
    }
    if (code != EXIT_HELD) {
        return code;
    }
    /* The checksum is at the stream's end: it is checked when the end is met. */
    got = gzread(file->stream, &behind, 1);
    if (got > 0) {
        return damaged(file, "bytes follow its last table");
    }
    return got < 0 ? short_read(file) : EXIT_HELD;
}

bool snapshot_register(const struct snapshot *snapshot, const char *name, uint64_t *value)
{
    return take_member(json_object_get(snapshot->header, "registers"), name, value);
}

/* The registers of the walk; the names of the regime end with its level. */
static int read_registers(const struct file *file, struct snapshot *snapshot, bool el2)
{
    struct rig_walk_regs *regs = &snapshot->regs;
    const struct {
        const char *name;
        uint64_t *value;
        bool needed;
    } wanted[] = {
        {el2 ? "SCTLR_EL2" : "SCTLR_EL1", &regs->sctlr, true},
        {el2 ? "TCR_EL2" : "TCR_EL1", &regs->tcr, true},
        {el2 ? "TTBR0_EL2" : "TTBR0_EL1", &regs->ttbr0, true},
        {el2 ? "TTBR0_EL2" : "TTBR1_EL1", &regs->ttbr1, true},
        {el2 ? "MAIR_EL2" : "MAIR_EL1", &regs->mair, true},
        {"ID_AA64MMFR0_EL1", &regs->id_aa64mmfr0, true},
        {"ID_AA64MMFR1_EL1", &regs->id_aa64mmfr1, false},
        {"ID_AA64MMFR2_EL1", &regs->id_aa64mmfr2, false},
        {"PSTATE", &regs->pstate, true},
    };

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (!snapshot_register(snapshot, wanted[i].name, wanted[i].value) && wanted[i].needed) {
            return fail(file, EXIT_NOT_JUDGED,
                        "the snapshot has no %s, without which nothing can be walked",
                        wanted[i].name);
        }
    }
    if (el2) {
        regs->ttbr1 = 0;
        regs->regime = RIG_WALK_REGIME_EL2;
    }
    return EXIT_HELD;
}

static int read_regime(const struct file *file, struct snapshot *snapshot)
{
    const char *regime = json_string_value(json_object_get(snapshot->header, "regime"));

    if (regime == NULL) {
        return damaged(file, "it does not say its regime");
    }
    snapshot->walkable = strcmp(regime, "EL1&0") == 0 || strcmp(regime, "EL2") == 0;
    if (snapshot->walkable) {
        return read_registers(file, snapshot, strcmp(regime, "EL2") == 0);
    }
    if (strcmp(regime, "EL2&0") == 0) {
        snapshot->not_walkable = "the EL2&0 regime (HCR_EL2.E2H = 1) is not supported";
    } else if (strcmp(regime, "EL3") == 0) {
        snapshot->not_walkable = "the EL3 regime is not supported";
    } else {
        return fail(file, EXIT_NOT_JUDGED, "damaged snapshot: no such regime: %s", regime);
    }
    return EXIT_HELD;
}

static int read_header(const struct file *file, struct snapshot *snapshot, const char *line)
{
    json_error_t problem;
    const char *format;
    const json_t *version;

    snapshot->header = json_loads(line, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(snapshot->header)) {
        return fail(file, EXIT_NOT_JUDGED, "damaged snapshot: its first line is no JSON object: %s",
                    problem.text);
    }
    format = json_string_value(json_object_get(snapshot->header, "format"));
    if (format == NULL || strcmp(format, FORMAT) != 0) {
        return fail(file, EXIT_USAGE, "no snapshot: its format is not \"" FORMAT "\"");
    }
    version = json_object_get(snapshot->header, "version");
    if (!json_is_integer(version) || json_integer_value(version) != SNAPSHOT_VERSION) {
        return fail(file, EXIT_NOT_JUDGED,
                    "a snapshot of version %" JSON_INTEGER_FORMAT ", and this rig reads version %d",
                    json_integer_value(version), SNAPSHOT_VERSION);
    }
    if (!json_is_object(json_object_get(snapshot->header, "registers")) ||
        !json_is_object(json_object_get(snapshot->header, "made"))) {
        return damaged(file, "it has no registers, or does not say where it is from");
    }
    return read_regime(file, snapshot);
}

static int read_all(const struct file *file, struct snapshot *snapshot)
{
    char *line = NULL;
    int code;

    if (gzdirect(file->stream) != 0) {
        return fail(file, EXIT_USAGE, "no snapshot: it is not compressed by gzip");
    }
    code = read_line(file, &line);
    if (code == EXIT_HELD) {
        code = read_header(file, snapshot, line);
    }
    free(line);
    code = code != EXIT_HELD ? code : read_memory(file, snapshot);
    code = code != EXIT_HELD ? code : read_unreadable(file, snapshot);
    code = code != EXIT_HELD ? code : read_witnesses(file, snapshot);
    return code != EXIT_HELD ? code : read_frames(file, snapshot);
}

int snapshot_read(struct snapshot *snapshot, const char *path,
                  char error[static SNAPSHOT_ERROR_TEXT])
{
    struct file file = {.path = path, .error = error};
    int code;

    memset(snapshot, 0, sizeof(*snapshot));
    errno = 0;
    file.stream = gzopen(path, "rbe");
    if (file.stream == NULL) {
        return fail(&file, EXIT_USAGE, "cannot open: %s", strerror(errno != 0 ? errno : ENOMEM));
    }
    code = read_all(&file, snapshot);
    gzclose(file.stream);
    return code;
}

void snapshot_free(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->frame_count; i++) {
        free(snapshot->frames[i].bytes);
    }
    free(snapshot->frames);
    free(snapshot->memory);
    free(snapshot->unreadable);
    free(snapshot->witnesses);
    json_decref(snapshot->header);
    memset(snapshot, 0, sizeof(*snapshot));
}

const char *snapshot_made(const struct snapshot *snapshot, const char *key)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(snapshot->header, "made"), key));

    return text == NULL ? "" : text;
}

const struct snapshot_memory *snapshot_memory_at(const struct snapshot *snapshot, uint64_t pa)
{
    size_t low = 0;
    size_t high = snapshot->memory_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (snapshot->memory[middle].last < pa) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < snapshot->memory_count && snapshot->memory[low].first <= pa
               ? &snapshot->memory[low]
               : NULL;
}

/* The stretch that holds the word at pa; NULL: none. */
static const struct snapshot_frames *frames_at(const struct snapshot *snapshot, uint64_t pa)
{
    size_t low = 0;
    size_t high = snapshot->frame_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct snapshot_frames *frames = &snapshot->frames[middle];

        if (frames->pa + (frames->size - 1) < pa) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < snapshot->frame_count && snapshot->frames[low].pa <= pa ? &snapshot->frames[low]
                                                                         : NULL;
}

/* Is pa in a table that nothing answered for? Tables are listed by their first address. */
static bool is_unreadable(const struct snapshot *snapshot, uint64_t pa)
{
    for (size_t i = 0; i < snapshot->unreadable_count; i++) {
        if (pa >= snapshot->unreadable[i] && pa - snapshot->unreadable[i] < FRAME_SIZE_MAX) {
            return true;
        }
    }
    return false;
}

int snapshot_read_u64(void *ctx, uint64_t pa, uint64_t *value)
{
    struct snapshot_reader *reader = ctx;
    const struct snapshot_frames *frames = frames_at(reader->snapshot, pa);

    if (frames != NULL) {
        const unsigned char *bytes = frames->bytes + (pa - frames->pa);

        *value = 0;
        for (unsigned i = 0; i < WORD; i++) {
            *value |= (uint64_t)bytes[i] << (8 * i);
        }
        return 0;
    }
    if (!is_unreadable(reader->snapshot, pa) &&
        (reader->snapshot->memory_count == 0 || snapshot_memory_at(reader->snapshot, pa) != NULL)) {
        if (reader->missing == 0) {
            reader->missing_pa = pa;
        }
        reader->missing++;
    }
    return 1;
}
