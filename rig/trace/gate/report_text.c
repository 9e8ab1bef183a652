#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "advice.h"
#include "esr_text.h"

enum { MAX_BLOCKS = 32, MAX_SHOWN_MESSAGES = 64, BUDGET_TEXT = 96 };

/* What is being written to. */
struct page {
    const struct report *report;
    FILE *out;
    bool colour;
};

static const char *paint(const struct page *page, const char *code)
{
    return page->colour ? code : "";
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static const char *budget_text(const struct budget *budget, char out[static BUDGET_TEXT])
{
    if (budget->min == budget->max) {
        snprintf(out, BUDGET_TEXT, "exactly %" PRIu64, budget->min);
    } else if (budget->max == UINT64_MAX) {
        snprintf(out, BUDGET_TEXT, "at least %" PRIu64, budget->min);
    } else {
        snprintf(out, BUDGET_TEXT, "%" PRIu64 " to %" PRIu64, budget->min, budget->max);
    }
    return out;
}

static void print_word(const struct page *page, enum verdict verdict)
{
    static const struct {
        const char *word;
        const char *colour;
    } words[] = {
        [VERDICT_HELD] = {"PASS", "\033[32m"},      [VERDICT_BROKEN] = {"FAIL", "\033[1;31m"},
        [VERDICT_UNDECIDED] = {"OPEN", "\033[33m"}, [VERDICT_OTHER_VARIANT] = {"SKIP", "\033[2m"},
        [VERDICT_NOT_JUDGED] = {"----", "\033[2m"},
    };
    fprintf(page->out, "%s%s%s  ", paint(page, words[verdict].colour), words[verdict].word,
            paint(page, "\033[0m"));
}

struct rule_line {
    const char *id;
    const char *why;
    unsigned line;
    const struct budget *budget;
    const struct rule_outcome *outcome;
    const char *below; /* what to say when too few came */
};

static void print_rule(const struct page *page, const struct rule_line *rule)
{
    char budget[BUDGET_TEXT];
    const struct rule_outcome *outcome = rule->outcome;
    print_word(page, outcome->verdict);
    fprintf(page->out, "%-24s %" PRIu64 " counted, expected %s", rule->id, outcome->counted,
            budget_text(rule->budget, budget));
    switch (outcome->verdict) {
    case VERDICT_OTHER_VARIANT:
        fprintf(page->out, " (for another variant, not judged)");
        break;
    case VERDICT_NOT_JUDGED:
        fprintf(page->out, " (budget not judged: compared with a baseline)");
        break;
    case VERDICT_UNDECIDED:
        fprintf(page->out, "; %" PRIu64 " more may be of this rule: raise --max-sites",
                outcome->maybe);
        break;
    case VERDICT_BROKEN:
        fprintf(page->out, ": %s\n      rule at %s:%u, because: %s",
                outcome->counted > rule->budget->max ? "more came than allowed" : rule->below,
                page->report->options->rules, rule->line, rule->why);
        break;
    default:
        break;
    }
    fputc('\n', page->out);
}

static const char *too_few(const struct page *page, const struct fault_rule *rule)
{
    const struct tally *tally = page->report->tally;
    if (rule->psci == PSCI_LAST) {
        return tally->ends_with_psci
                   ? "the PSCI call that ends the log does not fit this rule's class or levels"
                   : "the log does not end with a PSCI call (the log holds no x0: only a call that "
                     "nothing follows is taken for this function)";
    }
    return "an allowed fault did not come";
}

static void print_rules(const struct page *page)
{
    const struct report *report = page->report;
    for (size_t i = 0; i < report->pack->fault_count; i++) {
        const struct fault_rule *rule = &report->pack->faults[i];
        print_rule(page, &(struct rule_line){rule->id, rule->why, rule->line, &rule->budget,
                                             &report->judgement->faults[i], too_few(page, rule)});
    }
    for (size_t i = 0; i < report->pack->message_count; i++) {
        const struct message_rule *rule = &report->pack->messages[i];
        print_rule(page, &(struct rule_line){rule->id, rule->why, rule->line, &rule->budget,
                                             &report->judgement->messages[i],
                                             "a message that must come did not come"});
    }
    const struct judgement *judgement = report->judgement;
    print_word(page, judgement->deny.verdict);
    fprintf(page->out,
            "%-24s %" PRIu64 " exception%s and %" PRIu64 " message line%s counted, "
            "expected none",
            "deny-all-others", judgement->denied_records, plural(judgement->denied_records),
            judgement->denied_lines, plural(judgement->denied_lines));
    if (judgement->undecided > 0) {
        fprintf(page->out, "; %" PRIu64 " undecided: raise --max-sites", judgement->undecided);
    }
    fprintf(page->out, "%s\n", report->baseline == NULL ? "" : " beyond the baseline");
}

/* "0x40080050 = 0xffffffff40080050 main+0x10 (main.c:12)" */
static void print_address(const struct page *page, uint64_t address, uint64_t pc)
{
    uint64_t folded = pack_fold(page->report->pack, pc);
    struct place place = symbols_place(page->report->symbols, folded);
    fprintf(page->out, "0x%" PRIx64, address);
    if (pc != address) {
        fprintf(page->out, ", made at 0x%" PRIx64, pc);
    }
    if (folded != pc) {
        fprintf(page->out, " = 0x%" PRIx64, folded);
    }
    if (place.symbol[0] != '\0') {
        fprintf(page->out, " %s", place.symbol);
    } else if (page->report->symbols != NULL) {
        fprintf(page->out, " (in no symbol of the image)");
    }
    if (place.source[0] != '\0') {
        fprintf(page->out, " (%s)", place.source);
    }
    fputc('\n', page->out);
}

static void print_title(const struct page *page, const struct site *site, uint64_t count)
{
    const struct site_key *key = &site->key;
    fprintf(page->out, "\n%sunexpected: %s from EL%u to EL%u%s, %" PRIu64 " time%s%s",
            paint(page, "\033[1m"), fault_class_name((enum fault_class)key->class), key->from_el,
            key->to_el, (key->flags & SITE_PSCI) != 0 ? ", answered as PSCI" : "", count,
            plural(count), paint(page, "\033[0m"));
    if (key->class == CLASS_OTHER) {
        fprintf(page->out, " (QEMU's exception %u)", key->number);
    }
    fputc('\n', page->out);
}

static void print_site(const struct page *page, const struct site *site, uint64_t count)
{
    const struct site_key *key = &site->key;
    char text[ESR_TEXT];
    print_title(page, site, count);
    if ((key->flags & SITE_HAS_ESR) != 0) {
        fprintf(page->out, "    ESR     0x%" PRIx64 ": %s\n", key->esr, esr_text(key->esr, text));
    }
    if ((key->flags & SITE_HAS_ELR) != 0) {
        fprintf(page->out, "    ELR     ");
        print_address(page, key->elr, site_pc(key));
    }
    if (site->far_count > 0 && !esr_far_not_valid(key->esr)) {
        fprintf(page->out, "    FAR     ");
        print_address(page, site->far_min, site->far_min);
        if (site->far_max != site->far_min) {
            fprintf(page->out, "     to     ");
            print_address(page, site->far_max, site->far_max);
        }
    }
    fprintf(page->out, "    first   %s:%" PRIu64 "\n", page->report->options->log,
            site->first_line);
    if (site->ambiguous > 0) {
        fprintf(page->out,
                "    note    %" PRIu64 " of these interleave with another CPU; their lines were "
                "matched by order\n",
                site->ambiguous);
    }
    fprintf(page->out, "    advice  %s\n", site_advice(site));
}

static void print_sites(const struct page *page)
{
    const struct report *report = page->report;
    uint64_t shown = 0;
    for (uint32_t i = 0; i < report->tally->sites.count && shown < MAX_BLOCKS; i++) {
        if (report->judgement->sites[i].denied > 0) {
            print_site(page, &report->tally->sites.sites[i], report->judgement->sites[i].denied);
            shown++;
        }
    }
    if (report->judgement->denied_sites > shown) {
        fprintf(page->out, "\nand %" PRIu64 " more unexpected sites (--json FILE lists all)\n",
                report->judgement->denied_sites - shown);
    }
}

/* Where a rule counted too many, say where they came from. */
static void print_over_budget(const struct page *page)
{
    const struct report *report = page->report;
    for (size_t r = 0; r < report->pack->fault_count; r++) {
        const struct rule_outcome *outcome = &report->judgement->faults[r];
        if (outcome->verdict != VERDICT_BROKEN ||
            outcome->counted <= report->pack->faults[r].budget.max) {
            continue;
        }
        fprintf(page->out, "\nover budget: %s counted\n", report->pack->faults[r].id);
        uint64_t shown = 0;
        for (uint32_t i = 0; i < report->tally->sites.count && shown < MAX_BLOCKS; i++) {
            const struct site *site = &report->tally->sites.sites[i];
            if (report->judgement->sites[i].rule != (int)r) {
                continue;
            }
            shown++;
            fprintf(page->out, "    %" PRIu64 " x %s from EL%u, first line %" PRIu64 ", ",
                    site->count, fault_class_name((enum fault_class)site->key.class),
                    site->key.from_el, site->first_line);
            if ((site->key.flags & SITE_HAS_ELR) != 0) {
                fprintf(page->out, "ELR ");
                print_address(page, site->key.elr, site_pc(&site->key));
            } else {
                fprintf(page->out, "no ELR in the log\n");
            }
        }
    }
}

static void print_buckets(const struct page *page)
{
    const struct site_table *table = &page->report->tally->sites;
    if (table->overflow == 0) {
        return;
    }
    fprintf(page->out,
            "\n%" PRIu64 " exceptions are counted by class only: the table of %u sites "
            "is full (interrupts may take a quarter of it)\n",
            table->overflow, table->limit);
    for (int i = 0; i < CLASS_COUNT * EL_COUNT * EL_COUNT * 2; i++) {
        int class = i / (EL_COUNT * EL_COUNT * 2);
        int from = i / (EL_COUNT * 2) % EL_COUNT;
        int to = i / 2 % EL_COUNT;
        const struct bucket *bucket = &table->buckets[class][from][to][i % 2];
        if (bucket->count > 0) {
            fprintf(page->out, "    %" PRIu64 " x %s from EL%d to EL%d%s, first line %" PRIu64 "\n",
                    bucket->count, fault_class_name((enum fault_class) class), from, to,
                    i % 2 != 0 ? " answered as PSCI" : "", bucket->first_line);
        }
    }
    if (page->report->judgement->denied_overflow > 0) {
        fprintf(page->out, "    of these, no rule allows %" PRIu64 "\n",
                page->report->judgement->denied_overflow);
    }
}

static void print_messages(const struct page *page)
{
    const struct report *report = page->report;
    const struct message_table *table = &report->tally->messages;
    char text[MESSAGE_TEXT];
    uint64_t shown = 0;
    if (report->judgement->denied_lines > 0) {
        fprintf(page->out,
                "\n%sunexpected lines%s (unimp, guest_errors or foreign; faults.messages "
                "can tolerate them with a reason)\n",
                paint(page, "\033[1m"), paint(page, "\033[0m"));
    }
    for (uint32_t i = 0; i < table->count && shown < MAX_SHOWN_MESSAGES; i++) {
        const struct message *message = &table->messages[i];
        if (report->judgement->message_denied[i]) {
            shown++;
            fprintf(page->out, "    %" PRIu64 " x, first %s:%" PRIu64 ": %s\n", message->count,
                    report->options->log, message->first_line,
                    message->length == 0 ? "(empty line)" : message_text(table, message, text));
        }
    }
    if (report->judgement->denied_texts > shown) {
        fprintf(page->out, "    and %" PRIu64 " more texts (--json FILE lists all)\n",
                report->judgement->denied_texts - shown);
    }
    if (table->overflow > 0) {
        fprintf(page->out,
                "    %" PRIu64 " lines beyond the %d distinct texts kept; %" PRIu64
                " of them no rule tolerates (first line %" PRIu64 ")\n",
                table->overflow, MAX_MESSAGES, table->overflow_unmatched,
                table->overflow_first_line);
    }
}

static void print_damage(const struct page *page, const struct tally *tally, const char *log)
{
    if (tally->damage == 0) {
        return;
    }
    fprintf(page->out, "\n%sdamaged log%s %s\n", paint(page, "\033[1;31m"), paint(page, "\033[0m"),
            log);
    for (int kind = 0; kind < DAMAGE_KINDS; kind++) {
        if (tally->damage_by_kind[kind] > 0) {
            fprintf(page->out, "    %" PRIu64 " x %s\n", tally->damage_by_kind[kind],
                    damage_text((enum damage_kind)kind));
        }
    }
    for (uint32_t i = 0; i < tally->damage_sample_count; i++) {
        const struct damage_sample *sample = &tally->damage_samples[i];
        char text[MESSAGE_TEXT];
        fprintf(page->out, "    %s:%" PRIu64 ": %s: %s\n", log, sample->line,
                damage_text(sample->kind), printable(sample->text, sample->length, false, text));
    }
    fprintf(page->out, "    advice  end QEMU in order (guest power-off or QMP quit), give each run "
                       "its own log file; an AArch32 guest's log cannot be judged\n");
}

static void print_head(const struct page *page)
{
    const struct report *report = page->report;
    const struct tally *tally = report->tally;
    const struct line_counts *lines = &tally->parser.lines;
    fprintf(page->out,
            "%s: %" PRIu64 " lines: %" PRIu64 " exception%s in %u site%s, %" PRIu64
            " return%s, %" PRIu64 " message line%s, %" PRIu64 " damaged line%s\n",
            report->options->log, lines->total, tally->records, plural(tally->records),
            tally->sites.count, plural(tally->sites.count), lines->returns, plural(lines->returns),
            lines->messages, plural(lines->messages), lines->damaged, plural(lines->damaged));
    if (lines->total == 0) {
        fprintf(page->out,
                "note: the log is empty; did QEMU run with -d int,unimp,guest_errors?\n");
    }
    if (report->symbols == NULL) {
        fprintf(page->out, "note: addresses only; --elf FILE adds symbols and source lines\n");
    }
    if (report->baseline != NULL) {
        fprintf(page->out, "note: budgets are not judged; reported is what %s does not hold\n",
                report->options->baseline);
    }
    if (report->pack->variants_used && !report->pack->variant_named) {
        fprintf(page->out, "note: some rules are for named variants, and none for %s\n",
                report->options->variant == NULL ? "a run without --variant"
                                                 : report->options->variant);
    }
    if (tally->ambiguous > 0) {
        fprintf(page->out,
                "note: %" PRIu64 " exceptions interleave with another CPU's; QEMU names the CPU on "
                "the first line only, so their other lines were matched by order\n",
                tally->ambiguous);
    }
}

void report_text(const struct report *report, FILE *out, bool colour)
{
    static const char *const verdicts[] = {
        [EXIT_HELD] = "held",
        [EXIT_BROKEN] = "BROKEN",
        [EXIT_USAGE] = "",
        [EXIT_NOT_JUDGED] = "COULD NOT JUDGE",
    };
    const char *why = report->judgement->nothing_to_judge
                          ? ": the log is empty and every rule is for another variant (--variant)"
                          : "";
    const struct page page = {.report = report, .out = out, .colour = colour};
    print_head(&page);
    print_rules(&page);
    print_sites(&page);
    print_over_budget(&page);
    print_buckets(&page);
    print_messages(&page);
    print_damage(&page, report->tally, report->options->log);
    if (report->baseline != NULL) {
        print_damage(&page, report->baseline, report->options->baseline);
    }
    fprintf(out, "fault gate: %s%s\n", verdicts[report->judgement->exit_code], why);
}
