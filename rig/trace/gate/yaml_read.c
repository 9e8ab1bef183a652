#include "yaml_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

void yaml_fail(struct yaml_reader *reader, const yaml_node_t *node, const char *key,
               const char *format, ...)
{
    if (reader->failed) {
        return;
    }
    reader->failed = true;
    size_t line = node == NULL ? 1 : node->start_mark.line + 1;
    int used =
        snprintf(reader->error, sizeof(reader->error), "%s:%zu: %s: ", reader->name, line, key);
    if (used < 0 || (size_t)used >= sizeof(reader->error)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->error + used, sizeof(reader->error) - (size_t)used, format, arguments);
    va_end(arguments);
}

bool yaml_reader_open(struct yaml_reader *reader, const char *name, const char *text, size_t length)
{
    *reader = (struct yaml_reader){.name = name};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        yaml_fail(reader, NULL, "(file)", "out of memory");
        return false;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    reader->loaded = yaml_parser_load(&parser, &reader->document) != 0;
    if (!reader->loaded) {
        reader->failed = true;
        snprintf(reader->error, sizeof(reader->error), "%s:%zu: not YAML: %s", name,
                 parser.problem_mark.line + 1, parser.problem == NULL ? "?" : parser.problem);
    }
    yaml_parser_delete(&parser);
    return reader->loaded;
}

void yaml_reader_close(struct yaml_reader *reader)
{
    if (reader->loaded) {
        yaml_document_delete(&reader->document);
        reader->loaded = false;
    }
}

const yaml_node_t *yaml_find(struct yaml_reader *reader, const yaml_node_t *mapping,
                             const char *key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
    for (; pair < mapping->data.mapping.pairs.top; pair++) {
        const char *name = scalar(yaml_document_get_node(&reader->document, pair->key));
        if (name != NULL && strcmp(name, key) == 0) {
            return yaml_document_get_node(&reader->document, pair->value);
        }
    }
    return NULL;
}

static bool is_known(const char *name, const char *const *known)
{
    for (; known != NULL && *known != NULL; known++) {
        if (strcmp(name, *known) == 0) {
            return true;
        }
    }
    return known == NULL;
}

static void fail_unknown(struct yaml_reader *reader, const yaml_node_t *node, const char *key,
                         const char *name, const char *const *known)
{
    char list[YAML_ERROR_TEXT / 2] = "";
    for (size_t used = 0; *known != NULL && used < sizeof(list); known++) {
        int more = snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "", *known);
        used += more < 0 ? 0 : (size_t)more;
    }
    yaml_fail(reader, node, key, "unknown key '%.60s'; known keys: %s", name, list);
}

static bool check_key(struct yaml_reader *reader, const yaml_node_t *node,
                      const yaml_node_pair_t *pair, const char *key, const char *const *known)
{
    const yaml_node_t *name_node = yaml_document_get_node(&reader->document, pair->key);
    const char *name = scalar(name_node);
    if (name == NULL) {
        yaml_fail(reader, name_node, key, "a key must be plain text");
        return false;
    }
    if (!is_known(name, known)) {
        fail_unknown(reader, name_node, key, name, known);
        return false;
    }
    const yaml_node_pair_t *other = node->data.mapping.pairs.start;
    for (; other < pair; other++) {
        const char *earlier = scalar(yaml_document_get_node(&reader->document, other->key));
        if (earlier != NULL && strcmp(earlier, name) == 0) {
            yaml_fail(reader, name_node, key, "key '%.60s' is given twice", name);
            return false;
        }
    }
    return true;
}

bool yaml_check_mapping(struct yaml_reader *reader, const yaml_node_t *node, const char *key,
                        const char *const *known)
{
    if (node == NULL || node->type != YAML_MAPPING_NODE) {
        yaml_fail(reader, node, key, "must be a mapping (key: value)");
        return false;
    }
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        if (!check_key(reader, node, pair, key, known)) {
            return false;
        }
    }
    return true;
}

size_t yaml_items(struct yaml_reader *reader, const yaml_node_t *node, const char *key)
{
    if (node == NULL || node->type != YAML_SEQUENCE_NODE) {
        yaml_fail(reader, node, key, "must be a list");
        return 0;
    }
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

const yaml_node_t *yaml_item(struct yaml_reader *reader, const yaml_node_t *node, size_t index)
{
    return yaml_document_get_node(&reader->document, node->data.sequence.items.start[index]);
}

const char *yaml_text(struct yaml_reader *reader, const yaml_node_t *node, const char *key)
{
    const char *text = node == NULL ? NULL : scalar(node);
    if (text == NULL) {
        yaml_fail(reader, node, key, "must be text");
        return "";
    }
    if (text[strspn(text, " \t\n")] == '\0') {
        yaml_fail(reader, node, key, "must not be empty");
        return "";
    }
    return text;
}

/* The number at the start of `text`; NULL when there is none. */
static const char *read_number(const char *text, uint64_t *value)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    const char *set = hex ? "0123456789abcdefABCDEF" : "0123456789";
    size_t count = strspn(digits, set);
    errno = 0;
    char *end = NULL;
    *value = strtoull(digits, &end, hex ? 16 : 10);
    return count == 0 || errno != 0 || end != digits + count ? NULL : end;
}

uint64_t yaml_number(struct yaml_reader *reader, const yaml_node_t *node, const char *key,
                     uint64_t limit)
{
    const char *text = node == NULL ? NULL : scalar(node);
    uint64_t value = 0;
    const char *end = text == NULL ? NULL : read_number(text, &value);
    if (end == NULL || *end != '\0') {
        yaml_fail(reader, node, key, "must be a whole number, decimal or 0x..., not '%.40s'",
                  text == NULL ? "a list or mapping" : text);
        return 0;
    }
    if (value > limit) {
        yaml_fail(reader, node, key, "%s is above the largest value, %#llx", text,
                  (unsigned long long)limit);
        return 0;
    }
    return value;
}

uint64_t yaml_size(struct yaml_reader *reader, const yaml_node_t *node, const char *key)
{
    static const struct {
        const char *unit;
        unsigned shift;
    } units[] = {{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    const char *text = node == NULL ? NULL : scalar(node);
    uint64_t value = 0;
    const char *end = text == NULL ? NULL : read_number(text, &value);
    for (size_t i = 0; end != NULL && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end + strspn(end, " "), units[i].unit) == 0 &&
            value <= UINT64_MAX >> units[i].shift) {
            return value << units[i].shift;
        }
    }
    yaml_fail(reader, node, key, "must be a size such as 4096, 0x1000 or 128MiB, not '%.40s'",
              text == NULL ? "a list or mapping" : text);
    return 0;
}
