#include "order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "machine_update.h"
#include "rule.h"

enum { RULES_MAX = 32, STATE_ALIGNMENT = 16 };

/* One check while it runs. */
struct check {
    struct machine machine;
    struct findings findings;
    struct rule rules[RULES_MAX];
    size_t rule_count;
    uint8_t *states; /* of all rules */
    /* The judged rules that want an event of each kind, and those that want each CSE. */
    struct rule *wants[TRACE_EVENT_KINDS][RULES_MAX];
    size_t want_count[TRACE_EVENT_KINDS];
    struct rule *wants_cse[RULES_MAX];
    size_t wants_cse_count;
};

static bool refuse(char *error, const char *text)
{
    snprintf(error, ORDER_TEXT, "%s", text);
    return false;
}

const struct order_rule_info *order_rules(void)
{
    static struct order_rule_info infos[RULES_MAX + 1];
    for (size_t i = 0; i < RULES_MAX && RULE_MODULES[i] != NULL; i++) {
        infos[i] = RULE_MODULES[i]->info;
    }
    return infos;
}

/* The text of order_rule_result.why_not, NULL when the trace has what the rule needs. */
static const char *lack(const struct event_trace *trace, const struct rule_module *module)
{
    if ((module->needs & TRACE_STORES) != 0 && (trace->flags & TRACE_STORES) == 0) {
        return "the trace has no accesses to memory (record it with stores=on)";
    }
    if ((module->needs & TRACE_STORES) != 0 && (trace->flags & TRACE_RAM_UNKNOWN) != 0) {
        return "the plugin found no RAM: no translation table was read and no store watched";
    }
    if ((module->needs & TRACE_OPERANDS) != 0 && (trace->flags & TRACE_OPERANDS) == 0) {
        return "the trace has no values of registers";
    }
    return NULL;
}

static void want(struct check *check, struct rule *rule)
{
    for (size_t kind = 1; kind < TRACE_EVENT_KINDS; kind++) {
        uint32_t kinds = rule->module->kinds;
        if (rule->module->event != NULL && (kinds == 0 || (kinds & RULE_KIND(kind)) != 0)) {
            check->wants[kind][check->want_count[kind]++] = rule;
        }
    }
    if (rule->module->cse != NULL) {
        check->wants_cse[check->wants_cse_count++] = rule;
    }
}

static void add_rule(struct check *check, const struct rule_module *module, size_t *bytes)
{
    check->rules[check->rule_count++] = (struct rule){
        .module = module,
        .machine = &check->machine,
        .findings = &check->findings,
    };
    *bytes += (module->state_size + STATE_ALIGNMENT - 1) / STATE_ALIGNMENT * STATE_ALIGNMENT;
}

/* One piece of memory holds every rule's state. */
static bool make_states(struct check *check, size_t bytes)
{
    check->states = calloc(1, bytes + 1);
    if (check->states == NULL) {
        return false;
    }
    uint8_t *at = check->states;
    for (size_t i = 0; i < check->rule_count; i++) {
        struct rule *rule = &check->rules[i];
        size_t size = rule->module->state_size;
        rule->state = at;
        at += (size + STATE_ALIGNMENT - 1) / STATE_ALIGNMENT * STATE_ALIGNMENT;
        if (lack(check->machine.trace, rule->module) == NULL) {
            want(check, rule);
        }
    }
    return true;
}

static const struct rule_module *module_of(const char *id)
{
    for (size_t i = 0; RULE_MODULES[i] != NULL; i++) {
        if (strcmp(RULE_MODULES[i]->info.id, id) == 0) {
            return RULE_MODULES[i];
        }
    }
    return NULL;
}

static bool chosen(const struct rule_module *module, const char *const *ids)
{
    for (size_t i = 0; ids != NULL && ids[i] != NULL; i++) {
        if (strcmp(module->info.id, ids[i]) == 0) {
            return true;
        }
    }
    return ids == NULL;
}

static bool choose_rules(struct check *check, const char *const *ids, char *error)
{
    for (size_t i = 0; ids != NULL && ids[i] != NULL; i++) {
        if (module_of(ids[i]) == NULL) {
            snprintf(error, ORDER_TEXT, "there is no ordering rule %s", ids[i]);
            return false;
        }
    }
    size_t bytes = 0;
    for (size_t i = 0; i < RULES_MAX && RULE_MODULES[i] != NULL; i++) {
        if (chosen(RULE_MODULES[i], ids)) {
            add_rule(check, RULE_MODULES[i], &bytes);
        }
    }
    return make_states(check, bytes) || refuse(error, "out of memory");
}

static bool synchronize(struct check *check, const struct trace_event *event)
{
    for (size_t i = 0; i < check->wants_cse_count; i++) {
        if (!check->wants_cse[i]->module->cse(check->wants_cse[i], event)) {
            return false;
        }
    }
    machine_synchronize(&check->machine, event);
    return true;
}

static bool judge(struct check *check, const struct trace_event *event)
{
    struct machine *machine = &check->machine;
    enum a64_class class = event->kind == TRACE_EVENT_INSN ? a64_class(event->opcode) : A64_OTHER;
    if (!machine_observe(machine, event, class) ||
        (machine_is_cse(machine, event, class) && !synchronize(check, event))) {
        return false;
    }
    struct rule *const *wants = check->wants[event->kind];
    for (size_t i = 0; i < check->want_count[event->kind]; i++) {
        if (!wants[i]->module->event(wants[i], event)) {
            return false;
        }
    }
    machine_apply(machine, event, class);
    return true;
}

static bool judge_all(struct check *check, struct order_result *result, char *error)
{
    struct event_cursor cursor = event_trace_begin(check->machine.trace);
    const struct trace_event *event;
    while ((event = event_next(&cursor)) != NULL) {
        check->machine.now = cursor.number - 1;
        result->windows_cut += event->kind == TRACE_EVENT_CUT;
        if (!judge(check, event)) {
            return refuse(error, "out of memory");
        }
    }
    result->events = cursor.number;
    check->machine.now = cursor.number;
    for (size_t i = 0; i < check->rule_count; i++) {
        const struct rule *rule = &check->rules[i];
        if (rule->module->end != NULL && lack(check->machine.trace, rule->module) == NULL) {
            rule->module->end(&check->rules[i]);
        }
    }
    return true;
}

static bool take_results(struct check *check, struct order_result *result, char *error)
{
    result->rules = calloc(check->rule_count + 1, sizeof(result->rules[0]));
    if (result->rules == NULL) {
        return refuse(error, "out of memory");
    }
    result->rule_count = check->rule_count;
    for (size_t i = 0; i < check->rule_count; i++) {
        const struct rule *rule = &check->rules[i];
        const char *why_not = lack(check->machine.trace, rule->module);
        result->rules[i] = (struct order_rule_result){
            .id = rule->module->info.id,
            .subjects = rule->subjects,
            .consumers = rule->consumers,
            .judged = why_not == NULL,
        };
        if (why_not != NULL) {
            snprintf(result->rules[i].why_not, ORDER_TEXT, "%s", why_not);
        }
    }
    findings_sort(&check->findings);
    result->findings = check->findings.items;
    result->finding_count = check->findings.count;
    result->findings_cut = check->findings.cut;
    check->findings.items = NULL;
    return true;
}

static void end_check(struct check *check)
{
    for (size_t i = 0; i < check->rule_count; i++) {
        struct rule *rule = &check->rules[i];
        if (rule->module->free != NULL && rule->state != NULL) {
            rule->module->free(rule);
        }
    }
    free(check->states);
    findings_free(&check->findings);
    machine_end(&check->machine);
}

bool order_check(const struct event_trace *trace, const struct order_settings *settings,
                 struct order_result *result, char error[static ORDER_TEXT])
{
    struct check check = {0};
    *result = (struct order_result){0};
    findings_begin(&check.findings, settings->finding_limit);
    bool done = machine_begin(&check.machine, trace, &settings->features);
    if (!done) {
        refuse(error, "out of memory");
    }
    done = done && choose_rules(&check, settings->rules, error) &&
           judge_all(&check, result, error) && take_results(&check, result, error);
    end_check(&check);
    return done;
}

void order_result_free(struct order_result *result)
{
    free(result->findings);
    free(result->rules);
    *result = (struct order_result){0};
}
