/*
 * Fuzz target: any bytes as a snapshot. What does not begin as a gzip stream is packed first, so
 * that most inputs reach the header and the tables.
 *
 * Held for every input: it is refused with the file's name and a reason, or every table can be
 * read, the map is built in order and within bounds, and each address of it is told level by level.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "exit_code.h"
#include "map_report.h"
#include "walk_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GZIP = 16 + MAX_WBITS, MEMORY_LEVEL = 8, READS = 20000, WALKS = 4 };

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

/* The bytes as a file; the caller frees them. */
static uint8_t *pack(const uint8_t *data, size_t size, size_t *packed)
{
    z_stream zlib = {0};
    uint8_t *bytes;

    must(deflateInit2(&zlib, Z_BEST_SPEED, Z_DEFLATED, GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) ==
             Z_OK,
         "memory");
    *packed = deflateBound(&zlib, size);
    bytes = malloc(*packed);
    must(bytes != NULL, "memory");
    zlib.next_in = (uint8_t *)(uintptr_t)data;
    zlib.avail_in = (unsigned)size;
    zlib.next_out = bytes;
    zlib.avail_out = (unsigned)*packed;
    must(deflate(&zlib, Z_FINISH) == Z_STREAM_END, "it fits");
    *packed = zlib.total_out;
    deflateEnd(&zlib);
    return bytes;
}

/* Reads a snapshot so many times, then stops the walk: tables may refer to themselves. */
struct bounded {
    struct snapshot_reader reader;
    unsigned left;
};

static int read_bounded(void *ctx, uint64_t pa, uint64_t *value)
{
    struct bounded *bounded = ctx;

    if (bounded->left == 0) {
        return -1;
    }
    bounded->left--;
    return snapshot_read_u64(&bounded->reader, pa, value);
}

static void check_tables(const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->frame_count; i++) {
        const struct snapshot_frames *frames = &snapshot->frames[i];

        must(i == 0 || frames->pa > frames[-1].pa + (frames[-1].size - 1), "frames are in order");
        for (uint64_t at = 0; at < frames->size; at += sizeof(uint64_t)) {
            struct snapshot_reader reader = {.snapshot = snapshot};
            uint64_t value;

            must(snapshot_read_u64(&reader, frames->pa + at, &value) == 0, "a table is read");
        }
    }
}

static void check_walk(const struct snapshot *snapshot, uint64_t va, FILE *out)
{
    struct snapshot_reader reader = {.snapshot = snapshot};
    struct rig_walk_result result;

    (void)rig_walk(&snapshot->regs, snapshot_read_u64, &reader, va, &result);
    walk_report_text(snapshot, NULL, &result, out);
    json_decref(walk_report_json(snapshot, NULL, &result));
}

static void check_map(const struct snapshot *snapshot, FILE *out)
{
    const struct map_filter filter = {.half = -1, .el = -1};
    struct bounded bounded = {.reader = {.snapshot = snapshot}, .left = READS};
    struct space_map map;

    (void)space_map_build(&map, snapshot, &snapshot->regs, read_bounded, &bounded, NULL);
    must(map.entry_count <= READS, "a line takes a descriptor");
    for (size_t i = 0; i < map.entry_count; i++) {
        const struct rig_walk_run *run = &map.entries[i].run;

        must(run->first_va <= run->last_va, "a line is a range");
        must(i == 0 || run->first_va > map.entries[i - 1].run.last_va, "lines are in order");
        must(map.entries[i].name[0] != '\0', "a line has a name");
        if (i < WALKS) {
            check_walk(snapshot, run->last_va, out);
        }
    }
    map_report_text(&map, snapshot, &filter, out, false);
    json_decref(map_report_json(&map, snapshot, &filter));
    must(map_difference(&map, snapshot, &map, snapshot, out, NULL, NULL) == 0,
         "a map does not differ from itself");
    check_walk(snapshot, 0, out);
    check_walk(snapshot, UINT64_MAX, out);
    space_map_free(&map);
}

static void check(uint8_t *bytes, size_t size, FILE *out)
{
    char error[SNAPSHOT_ERROR_TEXT] = "";
    struct snapshot snapshot;
    FILE *file = fmemopen(bytes, size, "rb");

    must(file != NULL, "memory");
    int code = snapshot_read_file(&snapshot, file, "the input", error);

    fclose(file);
    if (code == EXIT_HELD) {
        check_tables(&snapshot);
        must(snapshot.walkable == (snapshot.not_walkable == NULL), "walkable, or a reason");
        if (snapshot.walkable) {
            check_map(&snapshot, out);
        }
    } else {
        must(code == EXIT_USAGE || code == EXIT_NOT_JUDGED, "an exit code of a refusal");
        must(strncmp(error, "the input: ", strlen("the input: ")) == 0, "a refusal has a reason");
    }
    snapshot_free(&snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *out;
    bool packed = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    uint8_t *bytes;

    if (size == 0) {
        return 0; /* fmemopen takes no empty file */
    }
    if (out == NULL) {
        out = fopen("/dev/null", "we");
        must(out != NULL, "/dev/null");
    }
    if (packed) {
        bytes = malloc(size);
        must(bytes != NULL, "memory");
        memcpy(bytes, data, size);
    } else {
        bytes = pack(data, size, &size);
    }
    check(bytes, size, out);
    free(bytes);
    return 0;
}
