#include "judge.h"

#include <stdlib.h>

#include "baseline.h"
#include "esr_text.h"

/* What is known of a group of records: a site, or a bucket of overflowed ones. */
struct group {
    struct site_key key;
    bool detailed; /* ESR and ELR of the key are known */
};

enum match { MATCH_NO, MATCH_YES, MATCH_MAYBE };

uint64_t site_pc(const struct site_key *key)
{
    enum { INSTRUCTION_SIZE = 4 };
    return fault_class_is_call((enum fault_class)key->class) ? key->elr - INSTRUCTION_SIZE
                                                             : key->elr;
}

static bool level_matches(int wanted, uint8_t el)
{
    return wanted == ANY || wanted == (int)el;
}

static bool details_match(const struct pack *pack, const struct fault_rule *rule,
                          const struct site_key *key)
{
    bool has_esr = (key->flags & SITE_HAS_ESR) != 0;
    unsigned status = 0;
    if (rule->ec != ANY && (!has_esr || esr_ec(key->esr) != (unsigned)rule->ec)) {
        return false;
    }
    if (rule->fsc != ANY &&
        (!has_esr || !esr_fault_status(key->esr, &status) || status != (unsigned)rule->fsc)) {
        return false;
    }
    if (rule->at == NULL) {
        return true;
    }
    uint64_t pc = pack_fold(pack, site_pc(key));
    return (key->flags & SITE_HAS_ELR) != 0 && pc >= rule->at_low && pc < rule->at_high;
}

static enum match rule_matches(const struct pack *pack, const struct fault_rule *rule,
                               const struct group *group)
{
    const struct site_key *key = &group->key;
    bool psci = (key->flags & SITE_PSCI) != 0;
    if (!rule->active || (rule->classes & 1U << key->class) == 0 ||
        !level_matches(rule->from_el, key->from_el) || !level_matches(rule->to_el, key->to_el) ||
        (rule->psci != PSCI_NOT_ASKED && !psci)) {
        return MATCH_NO;
    }
    if (!group->detailed) {
        bool asks = rule->at != NULL || rule->ec != ANY || rule->fsc != ANY;
        return asks ? MATCH_MAYBE : MATCH_YES;
    }
    return details_match(pack, rule, key) ? MATCH_YES : MATCH_NO;
}

/* Share PSCI calls out among the rules that cannot tell them apart; the rest goes to the first. */
static void fill_psci(struct judgement *judgement, const struct pack *pack,
                      const struct group *group, size_t first, uint64_t count)
{
    uint64_t left = count;
    for (size_t i = first; i < pack->fault_count && left > 0; i++) {
        const struct fault_rule *rule = &pack->faults[i];
        struct rule_outcome *outcome = &judgement->faults[i];
        if (rule->psci != PSCI_CALL || rule_matches(pack, rule, group) != MATCH_YES ||
            outcome->counted >= rule->budget.max) {
            continue;
        }
        uint64_t room = rule->budget.max - outcome->counted;
        uint64_t taken = left < room ? left : room;
        outcome->counted += taken;
        left -= taken;
    }
    judgement->faults[first].counted += left;
}

/* Count the group's records for a rule. Returns its index, -1 (denied) or -2 (undecided). */
static int count_group(struct judgement *judgement, const struct pack *pack,
                       const struct group *group, uint64_t count)
{
    for (size_t i = 0; i < pack->fault_count; i++) {
        const struct fault_rule *rule = &pack->faults[i];
        enum match match = rule->psci == PSCI_LAST ? MATCH_NO : rule_matches(pack, rule, group);
        if (match == MATCH_MAYBE) {
            judgement->faults[i].maybe += count;
            judgement->undecided += count;
            return -2;
        }
        if (match == MATCH_YES && rule->psci == PSCI_CALL) {
            fill_psci(judgement, pack, group, i, count);
            return (int)i;
        }
        if (match == MATCH_YES) {
            judgement->faults[i].counted += count;
            return (int)i;
        }
    }
    return -1;
}

/* The PSCI call that ends the log goes to the first SYSTEM_OFF or SYSTEM_RESET rule for it. */
static int rule_of_last_call(const struct pack *pack, const struct tally *tally)
{
    if (!tally->ends_with_psci) {
        return -1;
    }
    struct group group = {.key = site_key_of(&tally->last_record), .detailed = true};
    for (size_t i = 0; i < pack->fault_count; i++) {
        if (pack->faults[i].psci == PSCI_LAST &&
            rule_matches(pack, &pack->faults[i], &group) == MATCH_YES) {
            return (int)i;
        }
    }
    return -1;
}

static void deny(struct judgement *judgement, uint64_t count)
{
    judgement->denied_records += count;
    judgement->deny.counted += count;
}

static void judge_sites(struct judgement *judgement, const struct pack *pack,
                        const struct tally *tally, const struct tally *baseline,
                        const struct site *last_site, int last_rule)
{
    for (uint32_t i = 0; i < tally->sites.count; i++) {
        const struct site *site = &tally->sites.sites[i];
        struct site_outcome *outcome = &judgement->sites[i];
        uint64_t count = site->count - (site == last_site);
        outcome->rule = site == last_site ? last_rule : -1;
        if (count == 0) {
            continue;
        }
        struct group group = {.key = site->key, .detailed = true};
        int rule = count_group(judgement, pack, &group, count);
        outcome->rule = rule >= 0 ? rule : outcome->rule;
        if (rule >= 0) {
            continue;
        }
        enum known known = baseline == NULL ? KNOWN_NO : baseline_knows_site(baseline, &site->key);
        if (known == KNOWN_NO) {
            outcome->denied = count;
            judgement->denied_sites++;
            deny(judgement, count);
        } else if (known == KNOWN_MAYBE) {
            outcome->undecided = true;
            judgement->undecided += count;
        }
    }
}

static void judge_bucket(struct judgement *judgement, const struct pack *pack,
                         const struct tally *baseline, const struct site_key *key, uint64_t count)
{
    struct group group = {.key = *key, .detailed = false};
    if (count == 0 || count_group(judgement, pack, &group, count) != -1) {
        return;
    }
    enum known known = baseline == NULL ? KNOWN_NO : baseline_knows_class(baseline, key);
    if (known == KNOWN_NO) {
        judgement->denied_overflow += count;
        deny(judgement, count);
    } else if (known == KNOWN_MAYBE) {
        judgement->undecided += count;
    }
}

static void judge_buckets(struct judgement *judgement, const struct pack *pack,
                          const struct tally *tally, const struct tally *baseline,
                          const struct bucket *last_bucket)
{
    if (tally->sites.overflow == 0) {
        return;
    }
    for (int i = 0; i < CLASS_COUNT * EL_COUNT * EL_COUNT * 2; i++) {
        struct site_key key = {
            .class = (uint8_t)(i / (EL_COUNT * EL_COUNT * 2)),
            .from_el = (uint8_t)(i / (EL_COUNT * 2) % EL_COUNT),
            .to_el = (uint8_t)(i / 2 % EL_COUNT),
            .flags = i % 2 != 0 ? SITE_PSCI : 0,
        };
        const struct bucket *bucket =
            &tally->sites.buckets[key.class][key.from_el][key.to_el][i % 2];
        judge_bucket(judgement, pack, baseline, &key, bucket->count - (bucket == last_bucket));
    }
}

static void judge_records(struct judgement *judgement, const struct pack *pack,
                          const struct tally *tally, const struct tally *baseline)
{
    int last_rule = rule_of_last_call(pack, tally);
    const struct site *last_site = NULL;
    const struct bucket *last_bucket = NULL;
    if (last_rule >= 0) {
        struct site_key key = site_key_of(&tally->last_record);
        judgement->faults[last_rule].counted++;
        last_site = site_table_find(&tally->sites, &key);
        if (last_site == NULL) {
            last_bucket = &tally->sites.buckets[key.class][key.from_el][key.to_el][1];
        }
    }
    judge_sites(judgement, pack, tally, baseline, last_site, last_rule);
    judge_buckets(judgement, pack, tally, baseline, last_bucket);
}

static void judge_messages(struct judgement *judgement, const struct pack *pack,
                           const struct tally *tally, const struct tally *baseline)
{
    const struct message_table *table = &tally->messages;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct message *message = &table->messages[i];
        if (message->rule >= 0) {
            judgement->messages[message->rule].counted += message->count;
            continue;
        }
        if (baseline != NULL && message_table_has(&baseline->messages, table, message)) {
            continue;
        }
        if (baseline != NULL && baseline->messages.overflow > 0) {
            judgement->undecided += message->count;
            continue;
        }
        judgement->message_denied[i] = true;
        judgement->denied_texts++;
        judgement->denied_lines += message->count;
    }
    for (size_t i = 0; i < pack->message_count; i++) {
        judgement->messages[i].counted += table->overflow_by_rule[i];
    }
    if (baseline != NULL) {
        judgement->undecided += table->overflow_unmatched;
    } else {
        judgement->denied_lines += table->overflow_unmatched;
    }
    judgement->deny.counted += judgement->denied_lines;
}

static void close_budget(struct rule_outcome *outcome, const struct budget *budget, bool active,
                         bool budgets_judged)
{
    if (!active) {
        outcome->verdict = VERDICT_OTHER_VARIANT;
    } else if (!budgets_judged) {
        outcome->verdict = VERDICT_NOT_JUDGED;
    } else if (outcome->counted > budget->max || outcome->counted + outcome->maybe < budget->min) {
        outcome->verdict = VERDICT_BROKEN;
    } else {
        outcome->verdict = outcome->maybe > 0 ? VERDICT_UNDECIDED : VERDICT_HELD;
    }
}

static bool close_rules(struct judgement *judgement, const struct pack *pack, bool budgets_judged)
{
    bool broken = judgement->deny.counted > 0;
    for (size_t i = 0; i < pack->fault_count; i++) {
        const struct fault_rule *rule = &pack->faults[i];
        close_budget(&judgement->faults[i], &rule->budget, rule->active, budgets_judged);
        broken |= judgement->faults[i].verdict == VERDICT_BROKEN;
    }
    for (size_t i = 0; i < pack->message_count; i++) {
        const struct message_rule *rule = &pack->messages[i];
        close_budget(&judgement->messages[i], &rule->budget, rule->active, budgets_judged);
        broken |= judgement->messages[i].verdict == VERDICT_BROKEN;
    }
    bool open = judgement->undecided > 0;
    judgement->deny.verdict = judgement->deny.counted > 0 ? VERDICT_BROKEN
                              : open                      ? VERDICT_UNDECIDED
                                                          : VERDICT_HELD;
    return broken;
}

/* There are rules, and the run's variant (or its absence) takes every one of them out. */
static bool all_for_other_variants(const struct pack *pack)
{
    bool active = false;
    for (size_t i = 0; i < pack->fault_count; i++) {
        active |= pack->faults[i].active;
    }
    for (size_t i = 0; i < pack->message_count; i++) {
        active |= pack->messages[i].active;
    }
    return !active && pack->variants_used;
}

bool judge(struct judgement *judgement, const struct pack *pack, const struct tally *tally,
           const struct tally *baseline)
{
    *judgement = (struct judgement){0};
    judgement->sites = calloc(tally->sites.limit, sizeof(judgement->sites[0]));
    judgement->message_denied = calloc(MAX_MESSAGES, sizeof(judgement->message_denied[0]));
    if (judgement->sites == NULL || judgement->message_denied == NULL) {
        judgement_free(judgement);
        return false;
    }
    judge_records(judgement, pack, tally, baseline);
    judge_messages(judgement, pack, tally, baseline);
    bool broken = close_rules(judgement, pack, baseline == NULL);
    judgement->nothing_to_judge = tally->parser.lines.total == 0 && all_for_other_variants(pack);
    bool damaged = tally->damage > 0 || (baseline != NULL && baseline->damage > 0);
    judgement->exit_code = damaged || judgement->undecided > 0 || judgement->nothing_to_judge
                               ? EXIT_NOT_JUDGED
                           : broken ? EXIT_BROKEN
                                    : EXIT_HELD;
    return true;
}

void judgement_free(struct judgement *judgement)
{
    free(judgement->sites);
    free(judgement->message_denied);
    judgement->sites = NULL;
    judgement->message_denied = NULL;
}
