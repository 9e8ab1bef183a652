#include "pack_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a rule is parsed with: `key` is the path of the rule for messages. */
struct rule_place {
    struct pack *pack;
    struct yaml_reader *reader;
    const yaml_node_t *node;
    const char *variant;
    char key[96];
};

static const yaml_node_t *find(const struct rule_place *place, const char *key)
{
    return yaml_find(place->reader, place->node, key);
}

static const char *path_of(const struct rule_place *place, const char *key, char out[static 160])
{
    snprintf(out, 160, "%s.%s", place->key, key);
    return out;
}

static char *copy_text(const struct rule_place *place, const char *key)
{
    char path[160];
    return strdup(yaml_text(place->reader, find(place, key), path_of(place, key, path)));
}

static bool id_taken(const struct pack *pack, const char *id)
{
    for (size_t i = 0; i < pack->fault_count; i++) {
        if (strcmp(pack->faults[i].id, id) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < pack->message_count; i++) {
        if (strcmp(pack->messages[i].id, id) == 0) {
            return true;
        }
    }
    return strcmp(id, "deny-all-others") == 0;
}

/* The id and the reason; the id also goes into `key`, so that later messages name the rule. */
static bool parse_identity(struct rule_place *place, char **id, char **why)
{
    const yaml_node_t *id_node = find(place, "id");
    if (id_node == NULL) {
        yaml_fail(place->reader, place->node, place->key, "the rule has no id");
        return false;
    }
    const char *text = yaml_text(place->reader, id_node, place->key);
    if (text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] !=
        '\0') {
        yaml_fail(place->reader, id_node, place->key,
                  "id '%.40s' may hold letters, digits, '.', '_' and '-' only", text);
        return false;
    }
    if (id_taken(place->pack, text)) {
        yaml_fail(place->reader, id_node, place->key, "id '%.40s' is already taken", text);
        return false;
    }
    size_t used = strlen(place->key);
    snprintf(place->key + used, sizeof(place->key) - used, "(%.40s)", text);
    if (find(place, "why") == NULL) {
        yaml_fail(place->reader, place->node, place->key, "the rule has no why");
        return false;
    }
    *id = strdup(text);
    *why = copy_text(place, "why");
    return true;
}

static void parse_class(const struct rule_place *place, struct fault_rule *rule,
                        const yaml_node_t *node)
{
    char path[160];
    const char *name = yaml_text(place->reader, node, path_of(place, "class", path));
    enum fault_class class;
    if (fault_class_from_name(name, &class)) {
        rule->classes |= 1U << class;
        return;
    }
    char list[YAML_ERROR_TEXT / 2] = "";
    size_t used = 0;
    for (int i = 0; i < CLASS_COUNT && used < sizeof(list); i++) {
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? ", " : "",
                                 fault_class_name((enum fault_class)i));
    }
    yaml_fail(place->reader, node, path, "unknown class '%.40s'; known: %s", name, list);
}

static void parse_classes(const struct rule_place *place, struct fault_rule *rule)
{
    const yaml_node_t *node = find(place, "class");
    if (node == NULL && rule->psci != PSCI_NOT_ASKED) {
        rule->classes = 1U << CLASS_HVC | 1U << CLASS_SMC;
        return;
    }
    if (node == NULL) {
        yaml_fail(place->reader, place->node, place->key, "the rule has no class");
        return;
    }
    if (node->type == YAML_SCALAR_NODE) {
        parse_class(place, rule, node);
        return;
    }
    char path[160];
    size_t count = yaml_items(place->reader, node, path_of(place, "class", path));
    for (size_t i = 0; i < count; i++) {
        parse_class(place, rule, yaml_item(place->reader, node, i));
    }
    if (count == 0) {
        yaml_fail(place->reader, node, path, "must name a class");
    }
}

static int parse_el(const struct rule_place *place, const char *key)
{
    const yaml_node_t *node = find(place, key);
    if (node == NULL) {
        return ANY;
    }
    char path[160];
    const char *text = yaml_text(place->reader, node, path_of(place, key, path));
    if (strlen(text) != 3 || strncmp(text, "EL", 2) != 0 || text[2] < '0' || text[2] > '3') {
        yaml_fail(place->reader, node, path, "must be EL0, EL1, EL2 or EL3, not '%.40s'", text);
        return ANY;
    }
    return text[2] - '0';
}

static int parse_code(const struct rule_place *place, const char *key)
{
    const yaml_node_t *node = find(place, key);
    char path[160];
    return node == NULL ? ANY
                        : (int)yaml_number(place->reader, node, path_of(place, key, path), 0x3F);
}

static void parse_psci(const struct rule_place *place, struct fault_rule *rule)
{
    static const char *const names[] = {
        "VERSION",  "CPU_SUSPEND",       "CPU_OFF",  "CPU_ON",     "AFFINITY_INFO", "MIGRATE",
        "FEATURES", "MIGRATE_INFO_TYPE", "ANY_CALL", "SYSTEM_OFF", "SYSTEM_RESET",  NULL};
    const yaml_node_t *node = find(place, "psci");
    if (node == NULL) {
        return;
    }
    char path[160];
    const char *text = yaml_text(place->reader, node, path_of(place, "psci", path));
    for (const char *const *name = names; *name != NULL; name++) {
        if (strcmp(*name, text) == 0) {
            bool last = strncmp(text, "SYSTEM_", 7) == 0;
            rule->psci = last ? PSCI_LAST : PSCI_CALL;
            rule->psci_name = strdup(text);
            return;
        }
    }
    yaml_fail(place->reader, node, path,
              "unknown PSCI function '%.40s'; known: VERSION, CPU_SUSPEND, CPU_OFF, CPU_ON, "
              "AFFINITY_INFO, MIGRATE, FEATURES, MIGRATE_INFO_TYPE, ANY_CALL, SYSTEM_OFF, "
              "SYSTEM_RESET",
              text);
}

static struct budget parse_budget(const struct rule_place *place, uint64_t default_min)
{
    char path[160];
    struct budget budget = {.min = default_min, .max = UINT64_MAX};
    const yaml_node_t *count = find(place, "count");
    const yaml_node_t *min = find(place, "min");
    const yaml_node_t *max = find(place, "max");
    if (count != NULL && (min != NULL || max != NULL)) {
        yaml_fail(place->reader, count, place->key, "give count, or min and max, not both");
        return budget;
    }
    const uint64_t limit = UINT64_MAX - 1;
    if (count != NULL) {
        budget.min = yaml_number(place->reader, count, path_of(place, "count", path), limit);
        budget.max = budget.min;
    }
    if (min != NULL) {
        budget.min = yaml_number(place->reader, min, path_of(place, "min", path), limit);
    }
    if (max != NULL) {
        budget.max = yaml_number(place->reader, max, path_of(place, "max", path), limit);
    }
    if (budget.min > budget.max) {
        yaml_fail(place->reader, min != NULL ? min : max, place->key,
                  "min %llu is above max %llu%s", (unsigned long long)budget.min,
                  (unsigned long long)budget.max,
                  min != NULL ? "" : "; an allowed fault must come once, or write min: 0");
    }
    return budget;
}

/* Does the rule count for the variant being judged? */
static bool parse_variants(const struct rule_place *place)
{
    const yaml_node_t *node = find(place, "variants");
    if (node == NULL) {
        return true;
    }
    char path[160];
    size_t count = yaml_items(place->reader, node, path_of(place, "variants", path));
    bool active = false;
    place->pack->variants_used = true;
    for (size_t i = 0; i < count; i++) {
        const char *name = yaml_text(place->reader, yaml_item(place->reader, node, i), path);
        if (place->variant != NULL && strcmp(name, place->variant) == 0) {
            active = true;
            place->pack->variant_named = true;
        }
    }
    if (count == 0) {
        yaml_fail(place->reader, node, path, "must name a variant");
    }
    return active;
}

/* Refuse combinations that could never match. */
static void check_sense(const struct rule_place *place, const struct fault_rule *rule)
{
    uint32_t calls = 1U << CLASS_HVC | 1U << CLASS_SMC;
    if (rule->psci != PSCI_NOT_ASKED && (rule->classes & ~calls) != 0) {
        yaml_fail(place->reader, place->node, place->key,
                  "psci goes with class HVC and SMC only: PSCI is called by those");
    }
    if (rule->psci != PSCI_NOT_ASKED && rule->at != NULL) {
        yaml_fail(place->reader, find(place, "at"), place->key,
                  "at cannot go with psci: the log prints no ELR for a call that QEMU answers");
    }
    for (int class = 0; class < CLASS_COUNT; class ++) {
        if ((rule->ec != ANY || rule->fsc != ANY) && (rule->classes & 1U << class) != 0 &&
            fault_class_is_interrupt((enum fault_class) class)) {
            yaml_fail(place->reader, place->node, place->key,
                      "ec and fsc cannot go with class %s: the ESR logged for it is a stale one",
                      fault_class_name((enum fault_class) class));
        }
    }
}

static void parse_fault_rule(struct rule_place *place)
{
    static const char *const keys[] = {"id", "why", "class",    "from",  "to",  "psci", "at",
                                       "ec", "fsc", "variants", "count", "min", "max",  NULL};
    struct pack *pack = place->pack;
    char *id = NULL;
    char *why = NULL;
    if (!yaml_check_mapping(place->reader, place->node, place->key, keys) ||
        !parse_identity(place, &id, &why)) {
        return;
    }
    struct fault_rule *rule = &pack->faults[pack->fault_count++];
    *rule = (struct fault_rule){
        .id = id,
        .why = why,
        .line = (unsigned)place->node->start_mark.line + 1,
        .from_el = parse_el(place, "from"),
        .to_el = parse_el(place, "to"),
        .ec = parse_code(place, "ec"),
        .fsc = parse_code(place, "fsc"),
        .budget = parse_budget(place, 1),
        .active = parse_variants(place),
    };
    if (find(place, "at") != NULL) {
        rule->at = copy_text(place, "at");
    }
    parse_psci(place, rule);
    parse_classes(place, rule);
    check_sense(place, rule);
}

static void parse_message_rule(struct rule_place *place)
{
    static const char *const keys[] = {"id",  "why", "match",    "count",
                                       "min", "max", "variants", NULL};
    struct pack *pack = place->pack;
    char *id = NULL;
    char *why = NULL;
    if (!yaml_check_mapping(place->reader, place->node, place->key, keys) ||
        !parse_identity(place, &id, &why)) {
        return;
    }
    struct message_rule *rule = &pack->messages[pack->message_count++];
    *rule = (struct message_rule){
        .id = id,
        .why = why,
        .line = (unsigned)place->node->start_mark.line + 1,
        .match = copy_text(place, "match"),
        .budget = parse_budget(place, 0),
        .active = parse_variants(place),
    };
    rule->literal = strcspn(rule->match, "*?[\\");
}

static void parse_list(struct rule_place *base, const yaml_node_t *list, const char *key,
                       size_t limit, void (*parse)(struct rule_place *))
{
    size_t count = yaml_items(base->reader, list, key);
    if (count > limit) {
        yaml_fail(base->reader, list, key, "more than %zu rules", limit);
        return;
    }
    for (size_t i = 0; i < count && !base->reader->failed; i++) {
        struct rule_place place = *base;
        place.node = yaml_item(base->reader, list, i);
        snprintf(place.key, sizeof(place.key), "%s[%zu]", key, i);
        parse(&place);
    }
}

void pack_parse_faults(struct pack *pack, struct yaml_reader *reader, const yaml_node_t *faults,
                       const char *variant)
{
    static const char *const keys[] = {"allow", "deny", "messages", NULL};
    if (!yaml_check_mapping(reader, faults, "faults", keys)) {
        return;
    }
    const yaml_node_t *deny = yaml_find(reader, faults, "deny");
    if (deny == NULL) {
        yaml_fail(reader, faults, "faults.deny", "missing; write deny: all-others");
        return;
    }
    const char *text = yaml_text(reader, deny, "faults.deny");
    if (strcmp(text, "all-others") != 0) {
        yaml_fail(reader, deny, "faults.deny", "must be all-others, not '%.40s'", text);
        return;
    }
    struct rule_place base = {.pack = pack, .reader = reader, .variant = variant};
    const yaml_node_t *allow = yaml_find(reader, faults, "allow");
    const yaml_node_t *messages = yaml_find(reader, faults, "messages");
    if (allow != NULL) {
        parse_list(&base, allow, "faults.allow", MAX_FAULT_RULES, parse_fault_rule);
    }
    if (messages != NULL) {
        parse_list(&base, messages, "faults.messages", MAX_MESSAGE_RULES, parse_message_rule);
    }
}
