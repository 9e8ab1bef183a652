/*
 * Fuzz target: any bytes as a rule pack.
 *
 * Held for every input: a pack is either refused with a message that names it, or taken with rules
 * that are whole (id, reason, a class, a budget that can be met).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pack pack;

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void check_rules(void)
{
    for (size_t i = 0; i < pack.fault_count; i++) {
        const struct fault_rule *rule = &pack.faults[i];
        must(rule->id[0] != '\0' && rule->why[0] != '\0', "a rule has an id and a reason");
        must(rule->classes != 0, "a rule has a class");
        must(rule->budget.min <= rule->budget.max, "a budget can be met");
        must(rule->psci == PSCI_NOT_ASKED || rule->at == NULL, "psci and at exclude each other");
    }
    for (size_t i = 0; i < pack.message_count; i++) {
        must(pack.messages[i].match[0] != '\0', "a message rule has a pattern");
        must(pack.messages[i].budget.min <= pack.messages[i].budget.max, "a budget can be met");
    }
    (void)pack_fold(&pack, 0x40080000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[PACK_ERROR_TEXT];
    if (pack_parse(&pack, "pack", (const char *)data, size, "el1", error)) {
        must(error[0] == '\0', "no error with a good pack");
        check_rules();
    } else {
        must(strncmp(error, "pack:", 5) == 0, "an error names the file and the line");
    }
    pack_free(&pack);
    return 0;
}
