/* Fields of a JSON object, as every report of the commands over event traces writes them. */
#ifndef RIG_EVENTS_JSON_FIELDS_H
#define RIG_EVENTS_JSON_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "output.h"

void json_put(json_t *object, const char *key, json_t *value);
/* null for NULL and "". */
void json_put_text(json_t *object, const char *key, const char *text);
void json_put_count(json_t *object, const char *key, uint64_t value);
/* "0x...", null when it is not there. */
void json_put_hex(json_t *object, const char *key, bool present, uint64_t value);
/* An exception level, null when it is not known. */
void json_put_el(json_t *object, const char *key, uint8_t el);
/* The names of the flags of an event trace's header. */
json_t *json_trace_flags(uint32_t flags);

/* Write the object to a file, whole or not at all, and give it back; false with `error`. */
bool json_write(json_t *object, const char *path, char error[static OUTPUT_ERROR_TEXT]);

#endif
