#include "json_fields.h"

#include <inttypes.h>
#include <stdio.h>

#include "trace_events.h"
#include "trace_flags.h"

void json_put(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

void json_put_text(json_t *object, const char *key, const char *text)
{
    json_put(object, key, text == NULL || text[0] == '\0' ? json_null() : json_string(text));
}

void json_put_count(json_t *object, const char *key, uint64_t value)
{
    json_put(object, key, json_integer((json_int_t)value));
}

void json_put_hex(json_t *object, const char *key, bool present, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "0x%" PRIx64, value);
    json_put(object, key, present ? json_string(text) : json_null());
}

void json_put_el(json_t *object, const char *key, uint8_t el)
{
    json_put(object, key, el == TRACE_EL_UNKNOWN ? json_null() : json_integer(el));
}

json_t *json_trace_flags(uint32_t flags)
{
    json_t *list = json_array();
    for (size_t i = 0; i < TRACE_FLAG_COUNT; i++) {
        if ((flags & TRACE_FLAG_WORDS[i].flag) != 0) {
            json_array_append_new(list, json_string(TRACE_FLAG_WORDS[i].name));
        }
    }
    return list;
}

bool json_write(json_t *object, const char *path, char error[static OUTPUT_ERROR_TEXT])
{
    struct output output;
    bool good = object != NULL && output_begin(&output, path, error);
    if (object == NULL) {
        snprintf(error, OUTPUT_ERROR_TEXT, "%s: out of memory", path);
    } else if (good) {
        if (json_dumpf(object, output.file, JSON_INDENT(2)) == 0 &&
            fputc('\n', output.file) != EOF) {
            good = output_end(&output, error);
        } else {
            output_abandon(&output);
            snprintf(error, OUTPUT_ERROR_TEXT, "%s: cannot write the report", path);
            good = false;
        }
    }
    json_decref(object);
    return good;
}
