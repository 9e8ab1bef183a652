/*
 * A rule of the ordering checker: a module with hooks, called for each event in order.
 *
 * For an MSR `event` runs before machine.h's registers change, and the write is not pending yet;
 * for a STORE to a table before the word changes (use tables_find for the old value). Every other
 * event is seen after the model has taken it in (a DSB is in the history, FRAME content is there).
 * `cse` runs for each context synchronization event (ISB, ERET, exception entry) before the pending
 * writes are dropped and before `event` of the same event; the CSE is in the history already.
 */
#ifndef RIG_ORDER_RULE_H
#define RIG_ORDER_RULE_H

#include "machine.h"
#include "order.h"

#define RULE_KIND(kind) (UINT32_C(1) << (kind))

struct rule;

struct rule_module {
    struct order_rule_info info;
    uint32_t needs; /* header flags without which it is not judged: TRACE_STORES, TRACE_OPERANDS */
    uint32_t kinds; /* RULE_KIND() of the events that `event` wants; 0: all */
    size_t state_size;                                                 /* zeroed for each check */
    bool (*event)(struct rule *rule, const struct trace_event *event); /* false: out of memory */
    bool (*cse)(struct rule *rule, const struct trace_event *event);   /* may be NULL */
    void (*end)(struct rule *rule);  /* after the last event; may be NULL; may still find */
    void (*free)(struct rule *rule); /* gives back what the state holds; may be NULL */
};

struct rule {
    const struct rule_module *module;
    struct machine *machine;
    void *state;
    struct findings *findings;
    uint64_t subjects; /* the rule counts both itself */
    uint64_t consumers;
};

/*
 * Report a hazard. `write` and `consumer` as order.h says; texts are formatted into the finding.
 * Returns false when out of memory. finding_text() builds the three texts.
 */
struct finding_text {
    char missing[ORDER_TEXT];
    char detail[ORDER_TEXT];
    char fix[ORDER_TEXT];
};
bool rule_report(struct rule *rule, enum order_level level, const struct order_end *write,
                 const struct order_end *consumer, const struct finding_text *text);
/* The same where one mistake reaches many consumers, so that their PCs make no finding of their
 * own: findings of one writer are one when `group` is the same. The first consumer stands for all.
 */
bool rule_report_group(struct rule *rule, enum order_level level, const struct order_end *write,
                       const struct order_end *consumer, const struct finding_text *text,
                       uint64_t group);
/* The hazard between these PCs is reported already: counts it once more. Saves building its texts.
 */
bool rule_again(struct rule *rule, enum order_level level, uint64_t write_pc, uint64_t consumer_pc);

/* The end that an event is. */
struct order_end order_end_of(const struct trace_event *event, uint64_t number);
/* The end that a write without a CSE behind it is. */
struct order_end order_end_of_pending(const struct machine_pending *pending, uint8_t cpu);
/* The end that a store without an event is. */
struct order_end order_end_of_writer(const struct trace_written *written);

/* Every rule module, ends with NULL. */
extern const struct rule_module *const RULE_MODULES[];

extern const struct rule_module RULE_SYSREG_BEFORE_USE, RULE_VBAR_BEFORE_EXCEPTION,
    RULE_FP_BEFORE_USE, RULE_AT_BEFORE_PAR, RULE_NULL_REGIME, RULE_HCR_BEFORE_USE,
    RULE_CONTROLS_BEFORE_WALKS, RULE_TLB_BEFORE_MMU, RULE_VBAR_ALIGNED;
extern const struct rule_module RULE_TABLE_BEFORE_WALK, RULE_STORE_BEFORE_TLBI, RULE_TLBI_COMPLETES,
    RULE_BREAK_BEFORE_MAKE, RULE_CODE_BEFORE_EXECUTE, RULE_MMU_OFF_COHERENCE;
extern const struct rule_module RULE_WINDOW_SYNCHRONIZED, RULE_DSB_BEFORE_WFI;

#endif
