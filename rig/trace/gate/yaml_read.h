/*
 * A YAML document with errors that name the file, the line and the key.
 *
 * The first error is kept; the readers below return a safe value after it, so a caller can go on
 * and look once at the end.
 */
#ifndef RIG_GATE_YAML_READ_H
#define RIG_GATE_YAML_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

enum { YAML_ERROR_TEXT = 512 };

struct yaml_reader {
    const char *name; /* of the file, for messages */
    yaml_document_t document;
    bool loaded;
    bool failed;
    char error[YAML_ERROR_TEXT];
};

/* Load the document; false (with `error`) when it is no YAML. Ends with yaml_reader_close(). */
bool yaml_reader_open(struct yaml_reader *reader, const char *name, const char *text,
                      size_t length);
void yaml_reader_close(struct yaml_reader *reader);

/* Note an error at a node (NULL: the whole file). `key` is the path of the key, such as
 * "faults.allow". */
void yaml_fail(struct yaml_reader *reader, const yaml_node_t *node, const char *key,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The value of a key of a mapping, or NULL. */
const yaml_node_t *yaml_find(struct yaml_reader *reader, const yaml_node_t *mapping,
                             const char *key);

/* Fail unless the node is a mapping whose keys are scalars, each once and in the list `known`
 * (ending with NULL; NULL allows any key). */
bool yaml_check_mapping(struct yaml_reader *reader, const yaml_node_t *node, const char *key,
                        const char *const *known);

/* The items of a sequence; 0 and an error when the node is not one. */
size_t yaml_items(struct yaml_reader *reader, const yaml_node_t *node, const char *key);
const yaml_node_t *yaml_item(struct yaml_reader *reader, const yaml_node_t *node, size_t index);

/* A non-empty text; "" after an error. Valid until the reader is closed. */
const char *yaml_text(struct yaml_reader *reader, const yaml_node_t *node, const char *key);

/* A whole number, decimal or 0x hexadecimal, up to `limit`. */
uint64_t yaml_number(struct yaml_reader *reader, const yaml_node_t *node, const char *key,
                     uint64_t limit);

/* A size: a number, also with KiB, MiB or GiB behind it. */
uint64_t yaml_size(struct yaml_reader *reader, const yaml_node_t *node, const char *key);

#endif
