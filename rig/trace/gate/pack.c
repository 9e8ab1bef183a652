#include "pack.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pack_rules.h"
#include "yaml_read.h"

enum { MAX_PACK_BYTES = 16 << 20 };

static void parse_aliases(struct pack *pack, struct yaml_reader *reader, const yaml_node_t *list)
{
    static const char *const keys[] = {"from", "size", "by", NULL};
    size_t count = yaml_items(reader, list, "image.alias");
    if (count > MAX_ALIASES) {
        yaml_fail(reader, list, "image.alias", "more than %d entries", MAX_ALIASES);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *node = yaml_item(reader, list, i);
        if (!yaml_check_mapping(reader, node, "image.alias", keys)) {
            return;
        }
        for (const char *const *key = keys; *key != NULL; key++) {
            if (yaml_find(reader, node, *key) == NULL) {
                yaml_fail(reader, node, "image.alias", "needs from, size and by; no '%s'", *key);
            }
        }
        pack->aliases[pack->alias_count++] = (struct alias){
            .from = yaml_number(reader, yaml_find(reader, node, "from"), "image.alias.from",
                                UINT64_MAX),
            .size = yaml_size(reader, yaml_find(reader, node, "size"), "image.alias.size"),
            .by = yaml_number(reader, yaml_find(reader, node, "by"), "image.alias.by", UINT64_MAX),
        };
    }
}

static void parse_image(struct pack *pack, struct yaml_reader *reader, const yaml_node_t *root)
{
    const yaml_node_t *image = yaml_find(reader, root, "image");
    if (image == NULL || !yaml_check_mapping(reader, image, "image", NULL)) {
        return;
    }
    const yaml_node_t *aliases = yaml_find(reader, image, "alias");
    if (aliases != NULL) {
        parse_aliases(pack, reader, aliases);
    }
}

/* A pack that lists its variants knows which names make sense; a missing or a misspelt one would
 * silently take rules out. */
static void check_variant(const struct pack *pack, struct yaml_reader *reader,
                          const yaml_node_t *root, const char *variant)
{
    const yaml_node_t *list = yaml_find(reader, root, "variants");
    if (list == NULL || list->type != YAML_MAPPING_NODE ||
        (variant == NULL && !pack->variants_used)) {
        return;
    }
    char names[256] = "";
    size_t length = 0;
    for (const yaml_node_pair_t *pair = list->data.mapping.pairs.start;
         pair < list->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
        const char *name = yaml_text(reader, key, "variants");
        if (variant != NULL && strcmp(name, variant) == 0) {
            return;
        }
        if (length < sizeof(names)) {
            length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
                                       length == 0 ? "" : ", ", name);
        }
    }
    if (length == 0) {
        return;
    }
    if (variant != NULL) {
        yaml_fail(reader, list, "variants", "no variant '%.40s'; the pack has: %s", variant, names);
    } else {
        yaml_fail(reader, list, "variants",
                  "some rules are for named variants; say which was run, --variant one of: %s",
                  names);
    }
}

static void parse_root(struct pack *pack, struct yaml_reader *reader, const char *variant)
{
    const yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    if (!yaml_check_mapping(reader, root, "(top level)", NULL)) {
        return;
    }
    const yaml_node_t *guest = yaml_find(reader, root, "guest");
    if (guest != NULL) {
        pack->guest = strdup(yaml_text(reader, guest, "guest"));
    }
    const yaml_node_t *faults = yaml_find(reader, root, "faults");
    if (faults == NULL) {
        yaml_fail(reader, root, "faults",
                  "the pack has no faults section, so there is nothing to judge a log by");
        return;
    }
    parse_image(pack, reader, root);
    pack_parse_faults(pack, reader, faults, variant);
    check_variant(pack, reader, root, variant);
}

bool pack_parse(struct pack *pack, const char *name, const char *text, size_t length,
                const char *variant, char error[static PACK_ERROR_TEXT])
{
    *pack = (struct pack){0};
    struct yaml_reader reader;
    if (yaml_reader_open(&reader, name, text, length)) {
        parse_root(pack, &reader, variant);
    }
    yaml_reader_close(&reader);
    snprintf(error, PACK_ERROR_TEXT, "%s", reader.error);
    return !reader.failed;
}

static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    char *text = malloc(MAX_PACK_BYTES + 1);
    *length = text == NULL ? 0 : fread(text, 1, MAX_PACK_BYTES + 1, file);
    if (ferror(file) || *length > MAX_PACK_BYTES) {
        errno = ferror(file) ? errno : EFBIG;
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

bool pack_load(struct pack *pack, const char *path, const char *variant,
               char error[static PACK_ERROR_TEXT])
{
    *pack = (struct pack){0};
    size_t length = 0;
    char *text = read_file(path, &length);
    if (text == NULL) {
        snprintf(error, PACK_ERROR_TEXT, "%s: cannot read the rule pack: %s", path,
                 strerror(errno));
        return false;
    }
    bool good = pack_parse(pack, path, text, length, variant, error);
    free(text);
    return good;
}

void pack_free(struct pack *pack)
{
    for (size_t i = 0; i < pack->fault_count; i++) {
        free(pack->faults[i].id);
        free(pack->faults[i].why);
        free(pack->faults[i].psci_name);
        free(pack->faults[i].at);
    }
    for (size_t i = 0; i < pack->message_count; i++) {
        free(pack->messages[i].id);
        free(pack->messages[i].why);
        free(pack->messages[i].match);
    }
    free(pack->guest);
    *pack = (struct pack){0};
}

uint64_t pack_fold(const struct pack *pack, uint64_t address)
{
    for (size_t i = 0; i < pack->alias_count; i++) {
        const struct alias *alias = &pack->aliases[i];
        if (address - alias->from < alias->size) {
            return address + alias->by;
        }
    }
    return address;
}

/* fnmatch(3), but the usual "literal text*" is decided without it: a log may ask very often. */
static bool message_matches(const struct message_rule *rule, const char *text)
{
    if (strncmp(rule->match, text, rule->literal) != 0) {
        return false;
    }
    return strcmp(rule->match + rule->literal, "*") == 0 || fnmatch(rule->match, text, 0) == 0;
}

static int match_message(const void *context, const char *text)
{
    const struct pack *pack = context;
    for (size_t i = 0; i < pack->message_count; i++) {
        if (pack->messages[i].active && message_matches(&pack->messages[i], text)) {
            return (int)i;
        }
    }
    return -1;
}

struct message_matcher pack_message_matcher(const struct pack *pack)
{
    return (struct message_matcher){.context = pack, .match = match_message};
}
