#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "order_report.h"

const struct order_rule_info *order_rule_of(const char *id)
{
    for (const struct order_rule_info *rule = order_rules(); rule->id != NULL; rule++) {
        if (strcmp(rule->id, id) == 0) {
            return rule;
        }
    }
    return NULL;
}

static size_t rule_index(const struct order_result *result, const char *id)
{
    size_t index = 0;
    while (index < result->rule_count && strcmp(result->rules[index].id, id) != 0) {
        index++;
    }
    return index;
}

static void count(struct rule_tally *tally, const struct order_finding *finding, const char *waived)
{
    if (waived != NULL) {
        tally->waived++;
    } else if (finding->level == ORDER_ERROR) {
        tally->errors++;
    } else {
        tally->notes++;
    }
}

static void judge_findings(struct order_verdict *verdict, struct event_input *input,
                           struct order_options *options, const struct order_result *result)
{
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct order_finding *finding = &result->findings[i];
        size_t rule = rule_index(result, finding->rule);
        /* One place at a time: the next may be kept where this one was. */
        struct place write = *event_input_place(input, finding->write.pc);
        const struct place *consumer = event_input_place(input, finding->consumer.pc);
        verdict->waived[i] =
            waivers_cover(&options->waivers, finding->rule, write.symbol, consumer->symbol);
        count(&verdict->total, finding, verdict->waived[i]);
        if (rule < result->rule_count) {
            count(&verdict->tallies[rule], finding, verdict->waived[i]);
        }
    }
}

bool order_waiver_unused(const struct order_result *result, const struct waiver *waiver)
{
    size_t rule = rule_index(result, waiver->rule);
    return rule < result->rule_count && result->rules[rule].judged && waiver->used == 0;
}

/* Why the trace does not answer, NULL when it does. */
static const char *not_judged(const struct event_trace *trace, const struct order_result *result,
                              uint64_t subjects)
{
    if (trace->torn_bytes > 0) {
        return "the trace is torn: its end is missing";
    }
    if ((trace->flags & TRACE_FULL) != 0) {
        return "the trace met its size limit: its end is missing";
    }
    if ((trace->flags & TRACE_OPERANDS_LOST) != 0) {
        return "operands were lost: the run left the path of the one they were taken from";
    }
    for (size_t i = 0; i < result->rule_count; i++) {
        if (!result->rules[i].judged) {
            return "a rule could not be judged";
        }
    }
    if (result->findings_cut > 0) {
        return "there are more findings than are kept";
    }
    return subjects == 0 ? "nothing in the trace is a subject of any rule" : NULL;
}

void order_verdict_make(struct order_verdict *verdict, struct event_input *input,
                        struct order_options *options, const struct order_result *result)
{
    *verdict = (struct order_verdict){
        .waived = memory_get(result->finding_count, sizeof(verdict->waived[0])),
        .tallies = memory_get(result->rule_count, sizeof(verdict->tallies[0])),
    };
    judge_findings(verdict, input, options, result);
    for (size_t i = 0; i < result->rule_count; i++) {
        verdict->subjects += result->rules[i].subjects;
    }
    for (size_t i = 0; i < options->waivers.count; i++) {
        verdict->waivers_unused += order_waiver_unused(result, &options->waivers.items[i]);
    }
    verdict->not_judged = not_judged(&input->trace, result, verdict->subjects);
    if (verdict->total.errors > 0) {
        verdict->code = EXIT_BROKEN;
    } else if (verdict->not_judged != NULL) {
        verdict->code = EXIT_NOT_JUDGED;
    } else {
        verdict->code = verdict->waivers_unused > 0 ? EXIT_BROKEN : EXIT_HELD;
    }
}

void order_verdict_free(struct order_verdict *verdict)
{
    free((void *)verdict->waived);
    free(verdict->tallies);
}
