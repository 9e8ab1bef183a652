/*
 * A tally against a rule pack.
 *
 * Each record counts for the first active allow rule, in pack order, that matches it; a record that
 * none matches is denied. PSCI calls are shared out as pack.h says. Budgets bound both ways.
 *
 * Records that found no room in the site table are judged by the rules that need only class, levels
 * and PSCI. Where a rule asks for more (at, ec, fsc) the answer is "undecided", never "held".
 *
 * With a baseline (the tally of an earlier log) budgets are not judged: broken is what no rule
 * allows and the baseline does not hold either.
 */
#ifndef RIG_GATE_JUDGE_H
#define RIG_GATE_JUDGE_H

#include "exit_code.h"
#include "pack.h"
#include "tally.h"

enum verdict {
    VERDICT_HELD,
    VERDICT_BROKEN,
    VERDICT_UNDECIDED,
    VERDICT_OTHER_VARIANT, /* the rule is for other variants */
    VERDICT_NOT_JUDGED,    /* a budget, under a baseline */
};

struct rule_outcome {
    enum verdict verdict;
    uint64_t counted;
    uint64_t maybe; /* overflowed records that may or may not be of this rule */
};

struct site_outcome {
    int rule;        /* the first rule that counted it, or -1 */
    uint64_t denied; /* records that no rule allows and the baseline does not hold */
    bool undecided;  /* may be among what overflowed in the baseline */
};

struct judgement {
    struct rule_outcome faults[MAX_FAULT_RULES];
    struct rule_outcome messages[MAX_MESSAGE_RULES];
    struct rule_outcome deny; /* counted: denied records and lines together */
    struct site_outcome *sites;
    bool *message_denied;
    uint64_t denied_records;
    uint64_t denied_sites;
    uint64_t denied_lines;
    uint64_t denied_texts;
    uint64_t denied_overflow; /* part of denied_records that has no site */
    uint64_t undecided;       /* records and lines that could not be judged */
    bool nothing_to_judge;    /* an empty log, and every rule is for another variant */
    enum exit_code exit_code;
};

/* False when memory ran out. `baseline` may be NULL. Ends with judgement_free(). */
bool judge(struct judgement *judgement, const struct pack *pack, const struct tally *tally,
           const struct tally *baseline);
void judgement_free(struct judgement *judgement);

/* The address of the instruction a site is about: before ELR for SVC, HVC and SMC. */
uint64_t site_pc(const struct site_key *key);

#endif
