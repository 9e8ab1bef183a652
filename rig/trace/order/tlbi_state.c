#include "tlbi_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { HALF_SELECT_BIT = 55 };

enum progress { NEEDS_DSB, NEEDS_CSE, COMPLETE };

/* A stale translation that a use was compared with. */
struct stale {
    const struct order_end *tlbi;
    enum a64_domain domain;
    enum order_level level;
    const char *what; /* for the text */
};

struct tlbi_cpu *tlbi_cpu_of(struct rule *rule, uint8_t cpu)
{
    struct tlbi_state *state = rule->state;
    if (state->cpus == NULL) {
        state->cpus = calloc(rule->machine->cpu_count, sizeof(state->cpus[0]));
    }
    return state->cpus == NULL ? NULL : &state->cpus[cpu];
}

struct order_end tlbi_end(const struct trace_event *event, uint64_t now,
                          const struct tlbi_target *target)
{
    struct order_end end = order_end_of(event, now);
    if (!target->everywhere) {
        end.address = target->first;
        end.has_address = true;
    }
    return end;
}

static enum progress progress_of(const struct rule *rule, const struct order_end *tlbi,
                                 enum a64_domain domain)
{
    const struct cpu_history *history = &rule->machine->cpus[tlbi->cpu].history;
    uint64_t dsb = history_dsb(history, tlbi->event, domain, true);
    if (dsb == HISTORY_NEVER) {
        return NEEDS_DSB;
    }
    return history_cse(history, dsb) == HISTORY_NEVER ? NEEDS_CSE : COMPLETE;
}

static bool report(struct rule *rule, const struct stale *stale, const struct order_end *consumer,
                   enum progress progress, const char *consuming)
{
    struct finding_text text;
    const char *domain = tlbi_domain_name(stale->domain);
    if (progress == NEEDS_DSB) {
        snprintf(text.missing, ORDER_TEXT,
                 "no DSB for loads and stores of at least the %s domain between the TLBI and the "
                 "%s%s",
                 domain, consuming,
                 stale->level == ORDER_NOTE ? " (operand unknown: it may be for another address)"
                                            : "");
        snprintf(text.fix, ORDER_TEXT, "put DSB %s; ISB behind the TLBI", domain);
    } else {
        snprintf(text.missing, ORDER_TEXT,
                 "a DSB, but no context synchronization event (ISB) behind it, between the TLBI "
                 "and the %s",
                 consuming);
        snprintf(text.fix, ORDER_TEXT, "put an ISB behind the DSB that completes the TLBI");
    }
    snprintf(text.detail, ORDER_TEXT, "%s", stale->what);
    struct tlbi_cpu *own = tlbi_cpu_of(rule, consumer->cpu);
    own->open.judged = own->open.judged || stale->level == ORDER_ERROR;
    return rule_report(rule, stale->level, stale->tlbi, consumer, &text);
}

/* Judge a use that would see a difference; *done when the stale translation need not be followed
 * any more. */
static bool judge(struct rule *rule, const struct trace_event *event, const struct use *use,
                  const struct stale *stale, bool *done)
{
    enum progress progress = progress_of(rule, stale->tlbi, stale->domain);
    *done = true;
    rule->consumers++;
    if (progress == COMPLETE) {
        return true;
    }
    /* RBLDZX: with FEAT_ETS2 the DSB completes it for data. */
    if (progress == NEEDS_CSE && rule->machine->features.ets2 && use->kind != USE_FETCH) {
        *done = false;
        return true;
    }
    char consuming[64];
    struct order_end consumer = order_end_of(event, rule->machine->now);
    consumer.address = use->va;
    consumer.has_address = true;
    snprintf(consuming, sizeof(consuming), "%s of VA 0x%" PRIx64, use_name(use), use->va);
    return report(rule, stale, &consumer, progress, consuming);
}

static bool judge_all(struct rule *rule, const struct trace_event *event, struct tlbi_cpu *own,
                      const struct use *use)
{
    struct stale stale = {
        .tlbi = &own->all_tlbi,
        .domain = own->all_domain,
        .level = ORDER_ERROR,
        .what = "the TLBI was executed with the MMU off, to remove what earlier software left: "
                "any address may still be translated by that",
    };
    bool done;
    bool kept = judge(rule, event, use, &stale, &done);
    own->all = !done;
    return kept;
}

static void outcome(char *text, size_t size, const struct rig_walk_result *walk, bool known)
{
    if (!known) {
        snprintf(text, size, "what is no longer known");
    } else if (walk->has_pa != 0) {
        snprintf(text, size, "PA 0x%" PRIx64, walk->pa);
    } else {
        snprintf(text, size, "%s", rig_walk_status_text(walk->status));
    }
}

/* A descriptor that faults is in no TLB (D8.17 "Translation Lookaside Buffers"), but the tables on
 * the way to it may be: only a walk that faults at once left nothing behind. Linux parks TTBR1_EL1
 * in a table without a valid descriptor while it changes it. */
static bool leaves_nothing(const struct rig_walk_result *walk)
{
    return walk->status != RIG_WALK_OK && walk->step_count <= 1;
}

static bool judge_half(struct rule *rule, const struct trace_event *event, const struct use *use,
                       struct tlbi_half *half, const struct rig_walk_regs *regs,
                       const struct rig_walk_result *walk)
{
    bool upper = (use->va >> HALF_SELECT_BIT & 1) != 0;
    struct rig_walk_regs old_regs = *regs;
    struct rig_walk_result old_walk;
    *(upper ? &old_regs.ttbr1 : &old_regs.ttbr0) = half->ttbr;
    bool known = use_walk(rule->machine, &old_regs, use->va, UINT64_MAX, 0, &old_walk);
    if (known && (leaves_nothing(&old_walk) || !use_differs(use, &old_walk, walk))) {
        return true;
    }
    char before[48];
    char after[48];
    char what[ORDER_TEXT];
    outcome(before, sizeof(before), &old_walk, known);
    outcome(after, sizeof(after), walk, true);
    snprintf(what, sizeof(what),
             "TTBR%d_EL1 was 0x%" PRIx64 " before: an entry of its tables gives %s, the new ones "
             "give %s",
             upper ? 1 : 0, half->ttbr, before, after);
    const struct stale stale = {&half->tlbi, half->domain, ORDER_ERROR, what};
    bool done;
    bool kept = judge(rule, event, use, &stale, &done);
    half->state = done ? HALF_SAME : HALF_FLUSHED;
    return kept;
}

static bool judge_word(struct rule *rule, const struct trace_event *event, const struct use *use,
                       struct table_word *word, const struct rig_walk_regs *regs,
                       const struct rig_walk_result *walk)
{
    struct rig_walk_result old_walk;
    bool known = use_walk(rule->machine, regs, use->va, word->pa, word->before, &old_walk);
    /* A load or store goes by the entry that is being removed, whether this one sees what was
     * changed or not. When only the CSE is missing, and for a fetch, that has to matter. */
    bool data_at_once =
        use->kind != USE_FETCH && progress_of(rule, &word->tlbi, word->domain) == NEEDS_DSB;
    if (known && !data_at_once && !use_differs(use, &old_walk, walk)) {
        return true;
    }
    char before[48];
    char after[48];
    char where[ORDER_TEXT / 2];
    char what[ORDER_TEXT];
    outcome(before, sizeof(before), &old_walk, known);
    outcome(after, sizeof(after), walk, true);
    live_text(rule->machine, &rule->machine->cpus[event->cpu], word, where, sizeof(where));
    snprintf(what, sizeof(what),
             "%s was 0x%" PRIx64 " and became 0x%" PRIx64 ": the old one gives %s, the new one %s",
             where, word->before, word->after, before, after);
    const struct stale stale = {&word->tlbi, word->domain,
                                word->operand_unknown ? ORDER_NOTE : ORDER_ERROR, what};
    struct tlbi_cpu *own = tlbi_cpu_of(rule, event->cpu);
    bool done;
    bool kept = judge(rule, event, use, &stale, &done);
    if (done) {
        words_remove(&own->flushed, word);
    }
    return kept;
}

static bool judge_use(struct rule *rule, const struct trace_event *event, struct tlbi_cpu *own,
                      const struct use *use)
{
    struct machine *machine = rule->machine;
    struct rig_walk_regs regs;
    struct rig_walk_result walk;
    struct tlbi_half *half = &own->halves[use->va >> HALF_SELECT_BIT & 1];
    if (own->all && !judge_all(rule, event, own, use)) {
        return false;
    }
    if ((half->state != HALF_FLUSHED && own->flushed.count == 0) ||
        !machine_walk_regs(machine, &machine->cpus[event->cpu], use->va, &regs) ||
        !use_walk(machine, &regs, use->va, UINT64_MAX, 0, &walk)) {
        return true;
    }
    if (half->state == HALF_FLUSHED && !judge_half(rule, event, use, half, &regs, &walk)) {
        return false;
    }
    for (unsigned int i = 0; i < walk.step_count; i++) {
        struct table_word *word = words_find(&own->flushed, walk.steps[i].descriptor_pa);
        if (word != NULL && !judge_word(rule, event, use, word, &regs, &walk)) {
            return false;
        }
    }
    return true;
}

static bool on_the_way(const struct tlbi_cpu *own)
{
    return own->all || own->flushed.count != 0 || own->halves[0].state == HALF_FLUSHED ||
           own->halves[1].state == HALF_FLUSHED;
}

bool tlbi_judge_uses(struct rule *rule, const struct trace_event *event, struct tlbi_cpu *own)
{
    struct use uses[USES_MAX];
    unsigned int count = on_the_way(own) ? uses_of(rule->machine, event, uses) : 0;
    for (unsigned int i = 0; i < count; i++) {
        if (!judge_use(rule, event, own, &uses[i])) {
            return false;
        }
    }
    return true;
}

/* SPSR_EL1.M: 0b0000 is EL0t, and 0b10000 AArch32's User mode. */
static bool returns_to_el0(const struct machine_cpu *cpu, const struct trace_event *event)
{
    const struct machine_value *spsr = &cpu->regs[MACHINE_SPSR_EL1];
    return event->kind == TRACE_EVENT_INSN && a64_class(event->opcode) == A64_ERET &&
           cpu->el == 1 && spsr->known && (spsr->value & 0xf) == 0 && machine_mmu_on(cpu);
}

bool tlbi_judge_return(struct rule *rule, const struct trace_event *event, struct tlbi_cpu *own)
{
    if (!on_the_way(own) || !returns_to_el0(&rule->machine->cpus[event->cpu], event)) {
        return true;
    }
    const struct order_end consumer = order_end_of(event, rule->machine->now);
    struct stale stale = {NULL, own->halves[0].domain, ORDER_ERROR,
                          "TTBR0_EL1 was changed; EL0 may go on with entries of the old tables"};
    if (own->halves[0].state == HALF_FLUSHED) {
        stale.tlbi = &own->halves[0].tlbi;
    }
    char what[ORDER_TEXT];
    for (size_t i = own->flushed.count; i > 0 && stale.tlbi == NULL; i--) {
        const struct table_word *word = &own->flushed.items[i - 1];
        if (!word->upper && progress_of(rule, &word->tlbi, word->domain) == NEEDS_DSB) {
            char where[ORDER_TEXT / 2];
            live_text(rule->machine, &rule->machine->cpus[event->cpu], word, where, sizeof(where));
            snprintf(what, sizeof(what), "%s was 0x%" PRIx64 "; EL0 may go on with that", where,
                     word->before);
            stale = (struct stale){&word->tlbi, word->domain,
                                   word->operand_unknown ? ORDER_NOTE : ORDER_ERROR, what};
        }
    }
    if (stale.tlbi == NULL) {
        return true;
    }
    rule->consumers++;
    if (progress_of(rule, stale.tlbi, stale.domain) != NEEDS_DSB) {
        return true;
    }
    return report(rule, &stale, &consumer, NEEDS_DSB, "return to EL0");
}

void tlbi_sweep(const struct rule *rule, struct tlbi_cpu *own)
{
    for (size_t i = own->flushed.count; i > 0; i--) {
        struct table_word *word = &own->flushed.items[i - 1];
        if (progress_of(rule, &word->tlbi, word->domain) != NEEDS_DSB) {
            words_remove(&own->flushed, word);
        }
    }
    for (unsigned int i = 0; i < 2; i++) {
        struct tlbi_half *half = &own->halves[i];
        if (half->state == HALF_FLUSHED &&
            progress_of(rule, &half->tlbi, half->domain) != NEEDS_DSB) {
            half->state = HALF_SAME;
        }
    }
    own->all = own->all && progress_of(rule, &own->all_tlbi, own->all_domain) == NEEDS_DSB;
}

void tlbi_open(struct tlbi_open *open, const struct trace_event *event, uint64_t now,
               const struct tlbi_target *target)
{
    if (!open->on) {
        *open = (struct tlbi_open){.on = true, .tlbi = tlbi_end(event, now, target)};
    }
    open->domain = target->op.domain > open->domain ? target->op.domain : open->domain;
}

void tlbi_passed(struct tlbi_open *open, const struct trace_event *event, uint64_t now)
{
    if (!open->on || open->passed) {
        return;
    }
    bool entry = event->kind == TRACE_EVENT_ENTRY;
    bool returns = !entry && a64_class(event->opcode) == A64_ERET;
    open->entered = open->entered || entry;
    /* An interrupt may come at any time; it is no habit of the code. */
    if (!entry && !(returns && open->entered)) {
        open->passed = true;
        open->cse = order_end_of(event, now);
    }
}

bool tlbi_note(struct rule *rule, struct tlbi_open *open)
{
    bool due = open->on && open->passed && !open->judged;
    if (!due) {
        return true;
    }
    struct finding_text text;
    const char *domain = tlbi_domain_name(open->domain);
    snprintf(text.missing, ORDER_TEXT,
             "no DSB for loads and stores of at least the %s domain between the TLBI and the "
             "context synchronization event behind it",
             domain);
    snprintf(text.detail, ORDER_TEXT,
             "nothing was seen to use what the TLBI removes; the context synchronization event "
             "does not wait for it");
    snprintf(text.fix, ORDER_TEXT, "put DSB %s between them", domain);
    return rule_report_group(rule, ORDER_NOTE, &open->tlbi, &open->cse, &text, 0);
}

bool tlbi_close(struct rule *rule, struct tlbi_open *open, uint32_t dsb)
{
    struct a64_barrier barrier = a64_barrier(dsb);
    if (!open->on || !barrier.loads || !barrier.stores || barrier.domain < open->domain) {
        return true;
    }
    bool kept = tlbi_note(rule, open);
    *open = (struct tlbi_open){0};
    return kept;
}
