/*
 * What every reader of traces begins with: the file in memory, and its header checked.
 */
#ifndef RIG_TRACE_INPUT_H
#define RIG_TRACE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace_format.h"

enum { TRACE_INPUT_ERROR_TEXT = 256 };

/* The file, mapped read-only; NULL with `error` (no path in it) when it is missing, empty or no
 * regular file. */
const uint8_t *trace_input_map(const char *path, size_t *size,
                               char error[static TRACE_INPUT_ERROR_TEXT]);
void trace_input_unmap(const uint8_t *data, size_t size);

/* The header in the host's byte order; false with `error` when it is not one of a trace of that
 * kind and of this version, or contradicts itself. */
bool trace_input_header(const uint8_t *data, size_t size, enum trace_kind kind,
                        struct trace_header *header, char error[static TRACE_INPUT_ERROR_TEXT]);

#endif
