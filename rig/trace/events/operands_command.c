#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "event_words.h"
#include "events.h"
#include "events_options.h"
#include "site_counts.h"

static int by_pc(const void *left, const void *right)
{
    const struct site_count *a = left;
    const struct site_count *b = right;
    if (a->pc != b->pc) {
        return a->pc < b->pc ? -1 : 1;
    }
    return (a->opcode > b->opcode) - (a->opcode < b->opcode);
}

static enum exit_code operands(struct event_input *input, const struct events_options *options)
{
    (void)options;
    struct site_counts sites = {0};
    struct event_cursor cursor = event_trace_begin(&input->trace);
    const struct trace_event *event;
    while ((event = event_next(&cursor)) != NULL) {
        if (event->kind == TRACE_EVENT_INSN && a64_has_operand(event->opcode)) {
            site_counts_add(&sites, event->pc, event->opcode);
        }
    }
    if (sites.count > 0) {
        qsort(sites.items, sites.count, sizeof(sites.items[0]), by_pc);
    }
    for (size_t i = 0; i < sites.count; i++) {
        const struct site_count *site = &sites.items[i];
        printf("0x%" PRIx64 " %" PRIu32 " %" PRIu64 " %s\n", site->pc, a64_rt(site->opcode),
               site->count, event_class_name(a64_class(site->opcode)));
    }
    site_counts_free(&sites);
    return EXIT_HELD;
}

int operands_command(int argc, char **argv)
{
    return events_run(argc, argv, WHAT_OPERANDS, operands);
}
