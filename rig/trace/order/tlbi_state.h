/* What tlbi-completes follows, and how it judges: TLBIs on their way to completion, of each CPU. */
#ifndef RIG_ORDER_TLBI_STATE_H
#define RIG_ORDER_TLBI_STATE_H

#include "live.h"
#include "tlbi_match.h"
#include "use.h"
#include "words.h"

enum tlbi_half_state { HALF_SAME, HALF_CHANGED, HALF_FLUSHED };

/* A half of the address space whose TTBR was changed: entries of the old tables may be held. */
struct tlbi_half {
    enum tlbi_half_state state;
    uint64_t ttbr; /* the old one */
    struct order_end tlbi;
    enum a64_domain domain;
};

/* The first TLBI since the last DSB that completes such a one, for the note. */
struct tlbi_open {
    bool on;
    bool entered;           /* an exception was taken since: an ERET is its return */
    bool passed;            /* a CSE came; `cse` is it */
    bool judged;            /* an error was found */
    enum a64_domain domain; /* the widest since */
    struct order_end tlbi;
    struct order_end cse;
};

struct tlbi_cpu {
    struct words flushed; /* changed words, TLBI done */
    struct tlbi_half halves[2];
    bool all; /* what was in the TLB when the MMU came on: `all_tlbi` removes it */
    struct order_end all_tlbi;
    enum a64_domain all_domain;
    struct tlbi_open open;
};

struct tlbi_state {
    struct words changed; /* words that were valid and are not, or other; no TLBI yet */
    struct tlbi_cpu *cpus;
};

/* NULL: out of memory. */
struct tlbi_cpu *tlbi_cpu_of(struct rule *rule, uint8_t cpu);

/* The end that the TLBI is, with its address when it has one. */
struct order_end tlbi_end(const struct trace_event *event, uint64_t now,
                          const struct tlbi_target *target);

/* What the event uses, against all that is on its way. False: out of memory. */
bool tlbi_judge_uses(struct rule *rule, const struct trace_event *event, struct tlbi_cpu *own);

/* The CSE is an ERET to EL0: the low half may be used with no event to tell of it. */
bool tlbi_judge_return(struct rule *rule, const struct trace_event *event, struct tlbi_cpu *own);

/* A CSE: forget what a DSB has completed before. */
void tlbi_sweep(const struct rule *rule, struct tlbi_cpu *own);

/* The note "a CSE, but no DSB since the TLBI": TLBI, CSE, DSB, and its end. */
void tlbi_open(struct tlbi_open *open, const struct trace_event *event, uint64_t now,
               const struct tlbi_target *target);
void tlbi_passed(struct tlbi_open *open, const struct trace_event *event, uint64_t now);
bool tlbi_close(struct rule *rule, struct tlbi_open *open, uint32_t dsb);
bool tlbi_note(struct rule *rule, struct tlbi_open *open);

#endif
