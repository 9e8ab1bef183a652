#include <inttypes.h>

#include "audit_report.h"

enum { MAX_BLOCKS = 100 };

/* What is being written to. */
struct page {
    const struct audit_case *item;
    FILE *out;
    bool colour;
};

#define RED    "\033[1;31m"
#define YELLOW "\033[33m"
#define GREEN  "\033[32m"
#define DIM    "\033[2m"
#define PLAIN  "\033[0m"

static const char *paint(const struct page *page, const char *code)
{
    return page->colour ? code : "";
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void put_place(const struct page *page, const struct audit_finding *finding)
{
    const char *unit = finding->what.kind == AUDIT_WHAT_TABLE ? "table" : "place";

    if (finding->what.kind == AUDIT_WHAT_LEAF) {
        unit = finding->what.level == 3 ? "page" : "block";
    }
    fprintf(page->out, "  at      0x%016" PRIx64 "-0x%016" PRIx64, finding->first, finding->last);
    if (finding->has_pa) {
        fprintf(page->out, " -> 0x%" PRIx64 "%s", finding->pa,
                finding->scattered ? " and other places" : "");
    }
    fprintf(page->out, "  (%" PRIu64 " %s%s)\n", finding->count, unit, plural(finding->count));
}

static void put_finding(const struct page *page, const struct audit_finding *finding)
{
    const struct audit_rule_info *rule = audit_rule_of(finding->rule);
    bool error = finding->level == AUDIT_ERROR && finding->waiver == 0;
    struct audit_words words;

    audit_words_of(&page->item->scene, finding, &words);
    fprintf(page->out, "%s%s%s: %s: %s   [%s]\n", paint(page, error ? RED : YELLOW),
            finding->waiver != 0 ? "waived" : (error ? "error" : "note"), paint(page, PLAIN),
            rule->id, words.missing, rule->section);
    put_place(page, finding);
    fprintf(page->out, "  there   %s\n", words.what);
    fprintf(page->out, "  why     %s\n", words.detail);
    fprintf(page->out, "  fix     %s\n", words.fix);
    if (finding->waiver != 0) {
        fprintf(page->out, "  waived  %s\n", page->item->spec->waivers[finding->waiver - 1].why);
    }
    fputc('\n', page->out);
}

static void put_findings(const struct page *page)
{
    size_t count = page->item->result.count;

    for (size_t i = 0; i < count && i < MAX_BLOCKS; i++) {
        put_finding(page, &page->item->result.findings[i]);
    }
    if (count > MAX_BLOCKS) {
        fprintf(page->out, "and %zu more findings (--json FILE lists all)\n\n", count - MAX_BLOCKS);
    }
}

static void put_rule(const struct page *page, size_t index)
{
    const struct audit_rule_result *rule = &page->item->result.rules[index];
    const struct audit_tally *tally = &page->item->tallies[index];
    const char *word = tally->errors > 0 ? "FAIL" : (rule->subjects > 0 ? "PASS" : "NONE");
    const char *colour = tally->errors > 0 ? RED : (rule->subjects > 0 ? GREEN : DIM);

    if (!rule->judged) {
        word = rule->blocks ? "OPEN" : "NONE";
        colour = rule->blocks ? YELLOW : DIM;
    }
    fprintf(page->out, "%s%s%s  %-18s ", paint(page, colour), word, paint(page, PLAIN),
            audit_rule_of(index)->id);
    if (!rule->judged) {
        fprintf(page->out, "not judged: %s\n", rule->why_not);
        return;
    }
    fprintf(page->out, "%" PRIu64 " subject%s", rule->subjects, plural(rule->subjects));
    if (tally->errors + tally->notes + tally->waived > 0) {
        fprintf(page->out, ": %" PRIu64 " error%s, %" PRIu64 " note%s, %" PRIu64 " waived",
                tally->errors, plural(tally->errors), tally->notes, plural(tally->notes),
                tally->waived);
    }
    fputc('\n', page->out);
}

static void put_waivers(const struct page *page)
{
    for (size_t i = 0; i < page->item->result.waiver_count; i++) {
        const struct audit_waiver *waiver = &page->item->spec->waivers[i];

        if (audit_waiver_unused(page->item, i)) {
            fprintf(page->out,
                    "%serror%s: the waiver of %s at 0x%" PRIx64 "-0x%" PRIx64
                    "%s%s%s covers nothing: take it away (%s)\n",
                    paint(page, RED), paint(page, PLAIN), waiver->rule, waiver->range.first,
                    waiver->range.last, waiver->text[0] == '\0' ? "" : " (", waiver->text,
                    waiver->text[0] == '\0' ? "" : ")", waiver->why);
        }
    }
}

static void put_verdict(const struct page *page)
{
    const struct audit_case *item = page->item;
    const struct audit_witnesses *witnesses = &item->witnesses;

    fprintf(page->out,
            "%s: %" PRIu64 " leaves, %zu tables, %" PRIu64 " of the emulator's answers checked; "
            "%" PRIu64 " error%s, %" PRIu64 " note%s, %" PRIu64 " waived",
            item->path, item->leaves, item->scene.frame_count, witnesses->checked,
            item->total.errors, plural(item->total.errors), item->total.notes,
            plural(item->total.notes), item->total.waived);
    if (item->not_judged[0] != '\0') {
        fprintf(page->out, "; could not judge: %s", item->not_judged);
    }
    fputc('\n', page->out);
}

void audit_report_text(const struct audit_case *item, FILE *out, bool colour)
{
    const struct page page = {item, out, colour};

    put_findings(&page);
    for (size_t i = 0; audit_rule_of(i) != NULL; i++) {
        if (item->result.rules[i].selected) {
            put_rule(&page, i);
        }
    }
    put_waivers(&page);
    put_verdict(&page);
}
