#include "snapshot_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { GZIP = 16 + MAX_WBITS, MEMORY_LEVEL = 8, WORD_BYTES = 8, BYTE_BITS = 8 };

static const char HEADER[] =
    "{\"format\": \"rig-snapshot\", \"version\": 1,"
    " \"made\": {\"guest\": \"built\", \"checkpoint\": \"here\", \"variant\": \"el1\", \"el\": 1},"
    " \"regime\": \"EL1&0\","
    " \"registers\": {\"SCTLR_EL1\": \"0x30d0198d\", \"TCR_EL1\": \"0x2b5193519\","
    "  \"TTBR0_EL1\": \"0x0\", \"TTBR1_EL1\": \"0x40001000\", \"MAIR_EL1\": \"0xff\","
    "  \"ID_AA64MMFR0_EL1\": \"0x1122\", \"ID_AA64MMFR1_EL1\": \"0x0\","
    "  \"ID_AA64MMFR2_EL1\": \"0x0\", \"PSTATE\": \"0x3c5\", \"X0\": \"0xffffffffffffffff\"},"
    " \"memory\": ["
    "  {\"first\": \"0x8000000\", \"last\": \"0x8000fff\", \"kind\": \"io\", \"name\": \"uart\"},"
    "  {\"first\": \"0x40000000\", \"last\": \"0x47ffffff\", \"kind\": \"ram\", \"name\": "
    "\"ram\"}],"
    " \"frames\": [{\"pa\": \"0x40001000\", \"size\": 12288}],"
    " \"unreadable\": [\"0x7f000000\"],"
    " \"witnesses\": [[\"0xffffff8000000000\", \"0x40080000\"], [\"0x0\", null]]}";

void build_word(struct snapshot_build *build, size_t index, uint64_t value)
{
    for (size_t i = 0; i < WORD_BYTES; i++) {
        build->frames[index * WORD_BYTES + i] = (unsigned char)(value >> (BYTE_BITS * i));
    }
}

void build_begin(struct snapshot_build *build)
{
    *build = (struct snapshot_build){.frames_size = BUILD_SIZE};
    build->header = json_loads(HEADER, 0, NULL);
    build->frames = calloc(1, BUILD_SIZE);
    assert_non_null(build->header);
    assert_non_null(build->frames);
    build_word(build, 0, (BUILD_TABLES + BUILD_TABLE) | 3);
    build_word(build, BUILD_TABLE / WORD_BYTES, (BUILD_TABLES + 2 * (uint64_t)BUILD_TABLE) | 3);
    /* A page: AF, inner shareable, read-only, UXN. */
    build_word(build, 2 * BUILD_TABLE / WORD_BYTES, BUILD_PAGE | UINT64_C(0x0040000000000783));
}

void build_end(struct snapshot_build *build)
{
    if (build->path[0] != '\0') {
        unlink(build->path);
    }
    snapshot_free(&build->snapshot);
    json_decref(build->header);
    free(build->frames);
    free(build->packed);
}

void build_set(struct snapshot_build *build, const char *key, const char *json)
{
    const char *dot = strchr(key, '.');
    json_t *object = build->header;
    char outer[32];

    if (dot != NULL) {
        snprintf(outer, sizeof(outer), "%.*s", (int)(dot - key), key);
        object = json_object_get(object, outer);
        key = dot + 1;
    }
    if (json == NULL) {
        assert_int_equal(json_object_del(object, key), 0);
        return;
    }
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);

    assert_non_null(value);
    assert_int_equal(json_object_set_new(object, key, value), 0);
}

static void deflate_all(z_stream *zlib, const void *bytes, size_t size, int flush)
{
    zlib->next_in = (unsigned char *)(uintptr_t)bytes;
    zlib->avail_in = (unsigned)size;
    assert_int_equal(deflate(zlib, flush), flush == Z_FINISH ? Z_STREAM_END : Z_OK);
    assert_int_equal(zlib->avail_in, 0);
}

void build_pack(struct snapshot_build *build, const char *line)
{
    char *dumped = line == NULL ? json_dumps(build->header, JSON_COMPACT) : NULL;
    const char *text = line == NULL ? dumped : line;
    z_stream zlib = {0};

    assert_int_equal(deflateInit2(&zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP, MEMORY_LEVEL,
                                  Z_DEFAULT_STRATEGY),
                     Z_OK);
    free(build->packed);
    build->packed_size = deflateBound(&zlib, strlen(text) + 1 + build->frames_size);
    build->packed = malloc(build->packed_size);
    assert_non_null(build->packed);
    zlib.next_out = build->packed;
    zlib.avail_out = (unsigned)build->packed_size;
    deflate_all(&zlib, text, strlen(text), Z_NO_FLUSH);
    if (line == NULL) {
        deflate_all(&zlib, "\n", 1, Z_NO_FLUSH);
    }
    deflate_all(&zlib, build->frames, build->frames_size, Z_FINISH);
    build->packed_size = zlib.total_out;
    deflateEnd(&zlib);
    free(dumped);
}

void build_write(struct snapshot_build *build)
{
    snprintf(build->path, sizeof(build->path), "/tmp/built-snapshot.XXXXXX");
    int fd = mkstemp(build->path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(build->packed, 1, build->packed_size, file), build->packed_size);
    assert_int_equal(fclose(file), 0);
}

int build_read(struct snapshot_build *build)
{
    if (build->packed == NULL) {
        build_pack(build, NULL);
    }
    build_write(build);
    return snapshot_read(&build->snapshot, build->path, build->error);
}
