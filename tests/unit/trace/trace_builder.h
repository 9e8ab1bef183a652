/* Builds trace files in memory for the tests: a header, blocks and epochs, each as a plugin writes
 * them. */
#ifndef TESTS_TRACE_BUILDER_H
#define TESTS_TRACE_BUILDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "trace_reader.h"

enum { BUILDER_ROOM = 8192 };

struct builder {
    _Alignas(8) uint8_t data[BUILDER_ROOM];
    size_t used;
};

struct trace_header *builder_header(struct builder *builder);

/* A new file without chunks, closed. */
void builder_begin(struct builder *builder);

/* Set `used` to what was built. */
void builder_end(struct builder *builder);

/* A block with one segment a count; starts[i] is the first instruction of segment i. Returns it. */
struct trace_block *builder_block(struct builder *builder, uint64_t vaddr, const uint32_t *opcodes,
                                  uint32_t insns, const uint64_t *counts, const uint16_t *starts,
                                  uint32_t segments);

/* An epoch with the counters of the first `blocks` blocks. */
struct trace_epoch *builder_epoch(struct builder *builder, uint32_t after, uint32_t blocks,
                                  const uint64_t *counters, size_t count);

/* End the file and read it; fails the test when that is refused. */
void builder_read(struct builder *builder, struct trace *trace);

#endif
