#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "exit_code.h"
#include "memory.h"
#include "snapshot_header.h"
#include "snapshot_stream.h"

enum {
    GZIP_MAGIC_0 = 0x1f,
    GZIP_MAGIC_1 = 0x8b,
    WORD_BYTES = 8,
    BYTE_BITS = 8,
    GRANULE_BITS_MAX = 16,
};
#define HEADER_MAX ((size_t)64 << 20)

/* --- reading --------------------------------------------------------------------------------- */

static int refuse(char *error, const char *name, int code, const char *what)
{
    snprintf(error, SNAPSHOT_ERROR_TEXT, "%s: %s", name, what);
    return code;
}

static int damage(char *error, const char *name, const struct snapshot_stream *stream)
{
    snprintf(error, SNAPSHOT_ERROR_TEXT, "%s: damaged snapshot: %s", name, stream->problem);
    return EXIT_NOT_JUDGED;
}

static int read_header(struct snapshot *snapshot, struct snapshot_stream *stream, const char *name,
                       char *error)
{
    char words[SNAPSHOT_ERROR_TEXT] = "";
    size_t length = 0;
    int first = stream_peek(stream);

    if (first >= 0 && first != '{') {
        return refuse(error, name, EXIT_USAGE,
                      "no snapshot: it is packed by gzip, but begins with no JSON");
    }
    char *line = stream_line(stream, HEADER_MAX, &length);

    if (line == NULL) {
        return damage(error, name, stream);
    }
    int code = snapshot_header_read(snapshot, line, length, words);

    free(line);
    return code == EXIT_HELD ? code : refuse(error, name, code, words);
}

static int read_stream(struct snapshot *snapshot, struct snapshot_stream *stream, const char *name,
                       char *error)
{
    int code = read_header(snapshot, stream, name, error);

    for (size_t i = 0; code == EXIT_HELD && i < snapshot->frame_count; i++) {
        struct snapshot_frames *frames = &snapshot->frames[i];

        frames->bytes = stream_take(stream, (size_t)frames->size);
        code = frames->bytes == NULL ? damage(error, name, stream) : EXIT_HELD;
    }
    if (code == EXIT_HELD && !stream_at_end(stream)) {
        code = damage(error, name, stream);
    }
    return code;
}

int snapshot_read_file(struct snapshot *snapshot, FILE *file, const char *name,
                       char error[static SNAPSHOT_ERROR_TEXT])
{
    unsigned char magic[2] = {0};
    size_t length = fread(magic, 1, sizeof(magic), file);

    *snapshot = (struct snapshot){0};
    if (length == 0) {
        return refuse(error, name, EXIT_USAGE, "no snapshot: the file is empty");
    }
    if (length < sizeof(magic) || magic[0] != GZIP_MAGIC_0 || magic[1] != GZIP_MAGIC_1) {
        return refuse(error, name, EXIT_USAGE, "no snapshot: it is not packed by gzip");
    }
    rewind(file);
    struct snapshot_stream *stream = memory_get(1, sizeof(*stream));

    stream_begin(stream, file);
    int code = read_stream(snapshot, stream, name, error);

    stream_finish(stream);
    free(stream);
    return code;
}

int snapshot_read(struct snapshot *snapshot, const char *path,
                  char error[static SNAPSHOT_ERROR_TEXT])
{
    struct stat status;
    FILE *file = fopen(path, "rbe");
    int code;

    *snapshot = (struct snapshot){0};
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        code = refuse(error, path, EXIT_USAGE, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        code = refuse(error, path, EXIT_USAGE, "no snapshot: it is no regular file");
    } else {
        code = snapshot_read_file(snapshot, file, path, error);
    }
    if (file != NULL) {
        fclose(file);
    }
    return code;
}

void snapshot_free(struct snapshot *snapshot)
{
    for (size_t i = 0; snapshot->frames != NULL && i < snapshot->frame_count; i++) {
        free(snapshot->frames[i].bytes);
    }
    free(snapshot->memory);
    free(snapshot->frames);
    free(snapshot->unreadable);
    free(snapshot->witnesses);
    json_decref(snapshot->header);
    *snapshot = (struct snapshot){0};
}

/* --- answers --------------------------------------------------------------------------------- */

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

/* The frames that hold pa; NULL: none. */
static const struct snapshot_frames *frames_at(const struct snapshot *snapshot, uint64_t pa)
{
    size_t low = 0;
    size_t high = snapshot->frame_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct snapshot_frames *frames = &snapshot->frames[middle];

        if (pa < frames->pa) {
            high = middle;
        } else if (pa - frames->pa >= frames->size) {
            low = middle + 1;
        } else {
            return frames;
        }
    }
    return NULL;
}

uint64_t snapshot_granule(const struct snapshot *snapshot)
{
    unsigned bits = 0;

    for (int upper = 0; snapshot->walkable && upper < 2; upper++) {
        struct rig_walk_half half;

        rig_walk_half(&snapshot->regs, upper, &half);
        bits = half.granule_bits > bits ? half.granule_bits : bits;
    }
    return UINT64_C(1) << (bits == 0 ? GRANULE_BITS_MAX : bits);
}

/* Whether pa is in a frame that is listed as unreadable; such a frame is one granule at most. */
static bool is_unreadable(const struct snapshot *snapshot, uint64_t pa)
{
    size_t low = 0;
    size_t high = snapshot->unreadable_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (snapshot->unreadable[middle] <= pa) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && pa - snapshot->unreadable[low - 1] < snapshot_granule(snapshot);
}

/* Whether a table may be at pa, as far as the snapshot knows. */
static bool may_hold_table(const struct snapshot *snapshot, uint64_t pa)
{
    const struct snapshot_memory *memory = snapshot_memory_at(snapshot, pa);

    if (snapshot->memory_count == 0) {
        return !is_unreadable(snapshot, pa);
    }
    return memory != NULL && memory->kind != SNAPSHOT_IO && !is_unreadable(snapshot, pa);
}

int snapshot_read_u64(void *ctx, uint64_t pa, uint64_t *value)
{
    struct snapshot_reader *reader = ctx;
    const struct snapshot_frames *frames = frames_at(reader->snapshot, pa);
    uint64_t word = 0;

    if (frames == NULL || frames->size - (pa - frames->pa) < WORD_BYTES) {
        if (may_hold_table(reader->snapshot, pa)) {
            reader->missing_pa = reader->missing == 0 ? pa : reader->missing_pa;
            reader->missing++;
        }
        return 1;
    }
    for (int i = WORD_BYTES - 1; i >= 0; i--) {
        word = word << BYTE_BITS | frames->bytes[pa - frames->pa + (uint64_t)i];
    }
    *value = word;
    return 0;
}

bool snapshot_register(const struct snapshot *snapshot, const char *name, uint64_t *value)
{
    const json_t *registers = json_object_get(snapshot->header, "registers");
    const char *text = json_string_value(json_object_get(registers, name));

    if (text == NULL) {
        return false;
    }
    *value = strtoull(text, NULL, 16);
    return true;
}

const char *snapshot_made(const struct snapshot *snapshot, const char *key)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(snapshot->header, "made"), key));

    return text == NULL ? "" : text;
}
