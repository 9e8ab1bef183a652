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

/* A kernel masks and unmasks interrupts a hundred thousand times with MSR DAIF, and each operand
 * asked for stops a run. One rule wants them: an exception while a write of VBAR is not
 * synchronized. */
struct vbar_pending {
    bool cpus[UINT8_MAX + 1];
};

static void follow_vbar(struct vbar_pending *pending, const struct trace_event *event)
{
    if (event->kind == TRACE_EVENT_ENTRY) {
        pending->cpus[event->cpu] = false;
    } else if (event->kind == TRACE_EVENT_INSN) {
        switch (a64_class(event->opcode)) {
        case A64_ISB:
        case A64_ERET:
            pending->cpus[event->cpu] = false;
            break;
        case A64_MSR:
            switch (a64_sys(event->opcode)) {
            case A64_VBAR_EL1:
            case A64_VBAR_EL2:
            case A64_VBAR_EL3:
            case A64_VBAR_EL12:
                pending->cpus[event->cpu] = true;
                break;
            default:
                break;
            }
            break;
        default:
            break;
        }
    }
}

static bool wanted(const struct vbar_pending *pending, const struct trace_event *event)
{
    if (event->kind != TRACE_EVENT_INSN || !a64_has_operand(event->opcode)) {
        return false;
    }
    bool daif = a64_class(event->opcode) == A64_MSR && a64_sys(event->opcode) == A64_DAIF_REGISTER;
    return !daif || pending->cpus[event->cpu];
}

/* Every execution of each site, and the sites that a rule wants something of. */
static void collect(const struct event_trace *trace, struct site_counts *all,
                    struct site_counts *needed)
{
    struct vbar_pending pending = {0};
    struct event_cursor cursor = event_trace_begin(trace);
    const struct trace_event *event;
    while ((event = event_next(&cursor)) != NULL) {
        if (event->kind == TRACE_EVENT_INSN && a64_has_operand(event->opcode)) {
            site_counts_add(all, event->pc, event->opcode);
        }
        if (wanted(&pending, event)) {
            site_counts_add(needed, event->pc, event->opcode);
        }
        follow_vbar(&pending, event);
    }
    if (all->count > 0 && needed->count > 0) {
        qsort(all->items, all->count, sizeof(all->items[0]), by_pc);
        qsort(needed->items, needed->count, sizeof(needed->items[0]), by_pc);
    }
}

static enum exit_code operands(struct event_input *input, const struct events_options *options)
{
    (void)options;
    struct site_counts all = {0};
    struct site_counts needed = {0};
    collect(&input->trace, &all, &needed);
    /* Both are in order, and what is needed is among all. */
    for (size_t i = 0, at = 0; i < needed.count && at < all.count; at++) {
        const struct site_count *site = &all.items[at];
        if (by_pc(site, &needed.items[i]) == 0) {
            printf("0x%" PRIx64 " %" PRIu32 " %" PRIu64 " %s\n", site->pc, a64_rt(site->opcode),
                   site->count, event_class_name(a64_class(site->opcode)));
            i++;
        }
    }
    site_counts_free(&all);
    site_counts_free(&needed);
    return EXIT_HELD;
}

int operands_command(int argc, char **argv)
{
    return events_run(argc, argv, WHAT_OPERANDS, operands);
}
