/*
 * Snapshot files for the tests: a sound one to which a test does one thing, packed as the rig packs
 * them, and read back.
 *
 * The sound one has halves of 39 bits with 4 KiB pages and three tables from 0x40001000 on, through
 * which the first page of the upper half is RAM at 0x40080000: read-only, executable at EL1.
 */
#ifndef TYRNE_TEST_SNAPSHOT_BUILD_H
#define TYRNE_TEST_SNAPSHOT_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "snapshot.h"

#define BUILD_TABLES UINT64_C(0x40001000)
#define BUILD_UPPER  UINT64_C(0xffffff8000000000)
#define BUILD_PAGE   UINT64_C(0x40080000)
enum { BUILD_TABLE = 4096, BUILD_SIZE = 3 * BUILD_TABLE, BUILD_PATH = 64 };

struct snapshot_build {
    json_t *header;
    unsigned char *frames; /* what follows the header */
    size_t frames_size;
    unsigned char *packed; /* the file */
    size_t packed_size;
    char path[BUILD_PATH];
    struct snapshot snapshot; /* what reading the file gave */
    char error[SNAPSHOT_ERROR_TEXT];
};

void build_begin(struct snapshot_build *build);
void build_end(struct snapshot_build *build);

/* Set a key of the header, or with a dot one of an object in it, from JSON; NULL takes it away. */
void build_set(struct snapshot_build *build, const char *key, const char *json);
/* A descriptor of one of the tables, counted from the first. */
void build_word(struct snapshot_build *build, size_t index, uint64_t value);

/* Pack header and frames; the text of the header line may be given instead. */
void build_pack(struct snapshot_build *build, const char *line);
/* Write the packed bytes to a file of the test's own. */
void build_write(struct snapshot_build *build);
/* Write and read; the exit code. */
int build_read(struct snapshot_build *build);

#endif
