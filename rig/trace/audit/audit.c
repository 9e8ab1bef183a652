#include "audit.h"

#include <stdlib.h>
#include <string.h>

#include "audit_rule.h"
#include "memory.h"

const struct audit_rule_info *audit_rule_of(size_t index)
{
    return index < AUDIT_RULES_MAX && AUDIT_RULE_MODULES[index] != NULL
               ? &AUDIT_RULE_MODULES[index]->info
               : NULL;
}

int audit_rule_index(const char *id)
{
    for (int i = 0; AUDIT_RULE_MODULES[i] != NULL; i++) {
        if (strcmp(AUDIT_RULE_MODULES[i]->info.id, id) == 0) {
            return i;
        }
    }
    return -1;
}

void audit_result_begin(struct audit_result *result)
{
    *result = (struct audit_result){0};
}

void audit_result_free(struct audit_result *result)
{
    free(result->findings);
    free(result->waiver_used);
    *result = (struct audit_result){0};
}

/* The rules of one judgement, those that look at shared memory in front. */
struct judgement {
    struct audit_rule rules[AUDIT_RULES_MAX];
    size_t count;
    struct audit_rule *sweepers[AUDIT_RULES_MAX];
    size_t sweeper_count;
};

static void reset(struct audit_result *result, const struct audit_spec *spec)
{
    if (result->waiver_count != spec->waiver_count || result->waiver_used == NULL) {
        free(result->waiver_used);
        result->waiver_used = memory_get(spec->waiver_count, sizeof(bool));
        result->waiver_count = spec->waiver_count;
    }
    memset(result->waiver_used, 0, spec->waiver_count * sizeof(bool));
    memset(result->rules, 0, sizeof(result->rules));
    result->count = 0;
    result->cut = 0;
}

static void choose(struct audit_scene *scene, audit_selection selection,
                   struct audit_result *result, struct judgement *judgement)
{
    for (uint8_t i = 0; AUDIT_RULE_MODULES[i] != NULL; i++) {
        const struct audit_rule_module *module = AUDIT_RULE_MODULES[i];
        struct audit_rule_result *verdict = &result->rules[i];
        const char *excuse;

        verdict->selected = selection == 0 || (selection >> i & 1) != 0;
        verdict->why_not = "";
        if (!verdict->selected) {
            continue;
        }
        excuse = module->excuse == NULL ? NULL : module->excuse(scene, &verdict->blocks);
        verdict->judged = excuse == NULL;
        if (excuse != NULL) {
            verdict->why_not = excuse;
            continue;
        }
        judgement->rules[judgement->count++] =
            (struct audit_rule){.module = module, .scene = scene, .result = result, .index = i};
    }
}

static void visit_segment(void *user, const struct audit_segment *segment)
{
    struct judgement *judgement = user;

    for (size_t i = 0; i < judgement->sweeper_count; i++) {
        judgement->sweepers[i]->module->segment(judgement->sweepers[i], segment);
    }
}

void audit_judge(struct audit_scene *scene, audit_selection selection, struct audit_result *result)
{
    struct judgement judgement = {.count = 0};

    reset(result, scene->spec);
    choose(scene, selection, result, &judgement);
    for (size_t i = 0; i < judgement.count; i++) {
        struct audit_rule *rule = &judgement.rules[i];

        rule->module->judge(rule);
        if (rule->module->segment != NULL) {
            judgement.sweepers[judgement.sweeper_count++] = rule;
        }
    }
    if (judgement.sweeper_count > 0) {
        audit_sweep_scene(scene, visit_segment, &judgement);
    }
    for (size_t i = 0; i < judgement.count; i++) {
        result->rules[judgement.rules[i].index].subjects = judgement.rules[i].subjects;
    }
    audit_findings_order(result);
}
