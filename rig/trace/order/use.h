/* Uses of translations: what an event reads, writes or fetches through the EL1&0 regime. */
#ifndef RIG_ORDER_USE_H
#define RIG_ORDER_USE_H

#include "rule.h"

enum use_kind { USE_READ, USE_WRITE, USE_FETCH };

enum { USES_MAX = 2 };

struct use {
    uint64_t va;
    enum use_kind kind;
    uint8_t el;
};

/* Kinds of events that may be one, for rule_module.kinds. */
#define USE_KINDS                                                                                  \
    (RULE_KIND(TRACE_EVENT_STORE) | RULE_KIND(TRACE_EVENT_ACCESS) | RULE_KIND(TRACE_EVENT_BLOCK) | \
     RULE_KIND(TRACE_EVENT_TRANSLATE))

/* The uses that the event is; 0 when it is none, or translation is off or another regime's. A
 * block is its first and its last instruction's fetch. */
unsigned int uses_of(const struct machine *machine, const struct trace_event *event,
                     struct use uses[static USES_MAX]);

/* Walk with all writes done, but with the word at `word_pa` holding `value` (no word: UINT64_MAX).
 * False when registers or tables are not known. */
bool use_walk(struct machine *machine, const struct rig_walk_regs *regs, uint64_t va,
              uint64_t word_pa, uint64_t value, struct rig_walk_result *result);

/*
 * Whether the use sees a difference: another output address, other rights for it, or, for data,
 * another memory type, cacheability or shareability. An Access flag that is not set is none: an
 * entry without it is never in a TLB (DDI 0487 D8.16), and one from before it was cleared only
 * saves the fault.
 */
bool use_differs(const struct use *use, const struct rig_walk_result *old_walk,
                 const struct rig_walk_result *new_walk);

/* "read", "write", "fetch" */
const char *use_name(const struct use *use);

#endif
