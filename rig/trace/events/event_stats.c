#include "event_stats.h"

#include <stdlib.h>

#include "memory.h"
#include "sysregs.h"

/* The hazards of a CPU that are open, as the plugin follows them. */
struct window {
    bool need_dsb;
    bool need_cse;
    enum a64_domain domain; /* the DSB needed: at least this, and for loads, too */
    bool loads;
    bool mmu_on;
    uint64_t opened;
    uint64_t recorded;
};

static bool is_open(const struct window *window)
{
    return window->need_dsb || window->need_cse;
}

static bool is_sctlr(uint32_t sys)
{
    return sys == A64_SCTLR_EL1 || sys == A64_SCTLR_EL12 || sys == A64_SCTLR_EL2 ||
           sys == A64_SCTLR_EL3;
}

static void follow_msr(struct window *window, const struct trace_event *event)
{
    uint32_t sys = a64_sys(event->opcode);
    if (a64_opens_window(sys)) {
        window->need_cse = true;
    }
    if (is_sctlr(sys) && (event->flags & TRACE_EVENT_VALUE) != 0) {
        window->mmu_on = (event->value & SCTLR_EL1_M_BIT) != 0;
    }
}

static void need_dsb(struct window *window, enum a64_domain domain, bool loads)
{
    window->need_dsb = true;
    window->domain = window->domain > domain ? window->domain : domain;
    window->loads = window->loads || loads;
}

static void follow_dsb(struct window *window, struct a64_barrier barrier)
{
    if (window->need_dsb && a64_barrier_covers(barrier, window->domain, window->loads)) {
        window->need_dsb = false;
        window->need_cse = true;
        window->domain = A64_NSH;
        window->loads = false;
    }
}

static void follow_insn(struct window *window, const struct trace_event *event)
{
    switch (a64_class(event->opcode)) {
    case A64_MSR:
        follow_msr(window, event);
        break;
    case A64_TLBI:
        need_dsb(window, a64_tlbi(event->opcode).domain, true);
        break;
    case A64_DSB:
        follow_dsb(window, a64_barrier(event->opcode));
        break;
    case A64_ISB:
    case A64_ERET:
        window->need_cse = false;
        break;
    default:
        break;
    }
}

static void follow(struct window *window, const struct trace_event *event)
{
    switch (event->kind) {
    case TRACE_EVENT_INSN:
        follow_insn(window, event);
        break;
    case TRACE_EVENT_STORE:
        if ((event->flags & TRACE_EVENT_TABLE) != 0 && window->mmu_on) {
            need_dsb(window, A64_NSH, false);
        }
        break;
    case TRACE_EVENT_ENTRY:
        window->need_cse = false;
        break;
    case TRACE_EVENT_ACCESS:
    case TRACE_EVENT_BLOCK:
        window->recorded++;
        break;
    default:
        break;
    }
}

static void end_window(struct window_stats *stats, const struct window *window)
{
    stats->recorded += window->recorded;
    if (window->recorded > stats->longest) {
        stats->longest = window->recorded;
        stats->longest_at = window->opened;
    }
}

static void count_window(struct window_stats *stats, struct window *window,
                         const struct trace_event *event, uint64_t number)
{
    bool before = is_open(window);
    follow(window, event);
    if (!before && is_open(window)) {
        stats->count++;
        window->opened = number;
        window->recorded = 0;
    } else if (before && !is_open(window)) {
        end_window(stats, window);
    }
}

static void count_insn(struct event_stats *stats, const struct trace_event *event)
{
    stats->classes[a64_class(event->opcode)]++;
    if (a64_has_operand(event->opcode)) {
        stats->operands++;
        stats->unknown_operands += (event->flags & TRACE_EVENT_VALUE) == 0;
    }
    site_counts_add(&stats->sites, event->pc, event->opcode);
}

static int by_count(const void *left, const void *right)
{
    const struct site_count *a = left;
    const struct site_count *b = right;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    return (a->pc > b->pc) - (a->pc < b->pc);
}

void event_stats_make(struct event_stats *stats, const struct event_trace *trace)
{
    *stats = (struct event_stats){0};
    struct window *windows = memory_get(trace->cpus, sizeof(windows[0]));
    struct event_cursor cursor = event_trace_begin(trace);
    const struct trace_event *event;
    while ((event = event_next(&cursor)) != NULL) {
        stats->kinds[event->kind]++;
        if (event->kind == TRACE_EVENT_INSN) {
            count_insn(stats, event);
        }
        count_window(&stats->windows, &windows[event->cpu], event, cursor.number - 1);
    }
    for (uint32_t cpu = 0; cpu < trace->cpus; cpu++) {
        if (is_open(&windows[cpu])) {
            stats->windows.open_at_end++;
            end_window(&stats->windows, &windows[cpu]);
        }
    }
    stats->windows.cuts = stats->kinds[TRACE_EVENT_CUT];
    if (stats->sites.count > 0) {
        qsort(stats->sites.items, stats->sites.count, sizeof(stats->sites.items[0]), by_count);
    }
    free(windows);
}

void event_stats_free(struct event_stats *stats)
{
    site_counts_free(&stats->sites);
}
