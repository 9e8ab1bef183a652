#include <inttypes.h>

#include "event_words.h"
#include "order_report.h"

enum { MAX_BLOCKS = 64 };

/* What is being written to. */
struct page {
    const struct order_report *report;
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

static void put_end(const struct page *page, const char *name, const struct order_end *end,
                    const struct end_words *words)
{
    fprintf(page->out, "  %-9s 0x%016" PRIx64, name, end->pc);
    if (words->place->symbol[0] != '\0') {
        fprintf(page->out, " <%s>", words->place->symbol);
    }
    if (words->place->source[0] != '\0') {
        fprintf(page->out, " %s", words->place->source);
    }
    fprintf(page->out, "  %s", words->text[0] == '\0' ? "(instruction not known)" : words->text);
    if (end->has_address) {
        fprintf(page->out, "  [0x%" PRIx64 "]", end->address);
    }
    fprintf(page->out, "  (cpu%u %s, event %" PRIu64 ")\n", end->cpu, event_el_name(end->el),
            end->event);
}

static void put_excerpt(const struct page *page, const char *name, const struct excerpt *excerpt)
{
    fprintf(page->out, "  around the %s\n", name);
    for (size_t i = 0; i < excerpt->count; i++) {
        fprintf(page->out, "    %s\n", excerpt->lines[i]);
    }
}

static void put_finding(const struct page *page, size_t index)
{
    const struct order_finding *finding = &page->report->result->findings[index];
    const char *waived = page->report->verdict->waived[index];
    const struct order_rule_info *rule = order_rule_of(finding->rule);
    bool error = finding->level == ORDER_ERROR && waived == NULL;
    struct end_words words;
    fprintf(page->out, "%s%s%s: %s: %s   [%s]\n", paint(page, error ? "\033[1;31m" : "\033[33m"),
            waived != NULL ? "waived" : (error ? "error" : "note"), paint(page, "\033[0m"),
            finding->rule, finding->missing, rule == NULL ? "" : rule->section);
    /* One end at a time: both may share the place that is kept. */
    struct excerpt write;
    order_end_words(page->report, &finding->write, &words);
    put_end(page, "write", &finding->write, &words);
    write = words.excerpt;
    order_end_words(page->report, &finding->consumer, &words);
    put_end(page, "consumer", &finding->consumer, &words);
    if (finding->detail[0] != '\0') {
        fprintf(page->out, "  detail    %s\n", finding->detail);
    }
    if (finding->fix[0] != '\0') {
        fprintf(page->out, "  fix       %s\n", finding->fix);
    }
    if (waived != NULL) {
        fprintf(page->out, "  waived    %s\n", waived);
    }
    if (finding->count > 1) {
        fprintf(page->out, "  count     %" PRIu64 " times; this is the first\n", finding->count);
    }
    put_excerpt(page, "write", &write);
    if (finding->consumer.pc != finding->write.pc) {
        put_excerpt(page, "consumer", &words.excerpt);
    }
    fputc('\n', page->out);
}

static void put_findings(const struct page *page)
{
    size_t count = page->report->result->finding_count;
    for (size_t i = 0; i < count && i < MAX_BLOCKS; i++) {
        put_finding(page, i);
    }
    if (count > MAX_BLOCKS) {
        fprintf(page->out, "and %zu more findings (--json FILE lists all)\n\n", count - MAX_BLOCKS);
    }
}

static void put_rule(const struct page *page, size_t index)
{
    const struct order_rule_result *rule = &page->report->result->rules[index];
    const struct rule_tally *tally = &page->report->verdict->tallies[index];
    const char *word = tally->errors > 0 ? "FAIL" : (rule->subjects > 0 ? "PASS" : "NONE");
    const char *colour = tally->errors > 0 ? "\033[1;31m" : "\033[32m";
    if (!rule->judged && tally->errors == 0) {
        word = "OPEN";
        colour = "\033[33m";
    } else if (tally->errors == 0 && rule->subjects == 0) {
        colour = "\033[2m";
    }
    fprintf(page->out, "%s%s%s  %-22s ", paint(page, colour), word, paint(page, "\033[0m"),
            rule->id);
    if (!rule->judged) {
        fprintf(page->out, "not judged: %s\n", rule->why_not);
        return;
    }
    fprintf(page->out, "%" PRIu64 " subject%s, %" PRIu64 " consumer%s", rule->subjects,
            plural(rule->subjects), rule->consumers, plural(rule->consumers));
    if (tally->errors + tally->notes + tally->waived > 0) {
        fprintf(page->out, ": %" PRIu64 " error%s, %" PRIu64 " note%s, %" PRIu64 " waived",
                tally->errors, plural(tally->errors), tally->notes, plural(tally->notes),
                tally->waived);
    }
    fputc('\n', page->out);
}

static void put_waivers(const struct page *page)
{
    const struct waivers *waivers = &page->report->options->waivers;
    for (size_t i = 0; i < waivers->count; i++) {
        const struct waiver *waiver = &waivers->items[i];
        if (order_waiver_unused(page->report->result, waiver)) {
            fprintf(page->out, "%serror%s: the waiver %s@%s matched nothing: take it away (%s)\n",
                    paint(page, "\033[1;31m"), paint(page, "\033[0m"), waiver->rule, waiver->symbol,
                    waiver->why);
        }
    }
}

static void put_verdict(const struct page *page)
{
    const struct order_verdict *verdict = page->report->verdict;
    const struct order_result *result = page->report->result;
    if (result->windows_cut > 0) {
        fprintf(page->out,
                "%" PRIu64 " window%s grew too long: hazards in them were followed in part only\n",
                result->windows_cut, plural(result->windows_cut));
    }
    if ((page->report->input->trace.flags & TRACE_TABLES_CUT) != 0) {
        fputs("the guest has more translation tables than are followed: some were not judged\n",
              page->out);
    }
    fprintf(page->out,
            "%s: %" PRIu64 " events, %" PRIu64 " subject%s, %" PRIu64 " error%s, %" PRIu64
            " note%s, %" PRIu64 " waived",
            page->report->options->input.trace, result->events, verdict->subjects,
            plural(verdict->subjects), verdict->total.errors, plural(verdict->total.errors),
            verdict->total.notes, plural(verdict->total.notes), verdict->total.waived);
    if (verdict->not_judged != NULL) {
        fprintf(page->out, "; could not judge: %s", verdict->not_judged);
    }
    fputc('\n', page->out);
}

void order_report_text(const struct order_report *report, FILE *out, bool colour)
{
    const struct page page = {report, out, colour};
    put_findings(&page);
    for (size_t i = 0; i < report->result->rule_count; i++) {
        put_rule(&page, i);
    }
    put_waivers(&page);
    put_verdict(&page);
}
