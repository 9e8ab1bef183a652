/*
 * Fuzz target: any bytes as a log.
 *
 * Held for every input: each line is in exactly one count; the log cut into pieces gives the same
 * result as the whole; records in sites and buckets add up; the judgement never holds a damaged log
 * and agrees with its own counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esr_text.h"
#include "judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char PACK[] = "faults:\n"
                           "  deny: all-others\n"
                           "  allow:\n"
                           "    - {id: svc, class: SVC, from: EL0, max: 2, why: w}\n"
                           "    - {id: off, psci: SYSTEM_OFF, count: 1, why: w}\n"
                           "    - {id: on, psci: CPU_ON, min: 0, max: 1, why: w}\n"
                           "    - {id: ver, psci: VERSION, min: 0, why: w}\n"
                           "    - {id: abort, class: DATA_ABORT, fsc: 6, min: 0, why: w}\n"
                           "  messages:\n"
                           "    - {id: gic, match: 'gic*', max: 3, why: w}\n";

static struct pack pack;
static struct tally whole;
static struct tally pieces;

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void read_pieces(struct tally *tally, const char *text, size_t size, size_t piece)
{
    const struct message_matcher matcher = pack_message_matcher(&pack);
    enum { FEW_SITES = 8 };
    must(tally_init(tally, FEW_SITES, &matcher), "memory");
    for (size_t at = 0; at < size; at += piece) {
        log_reader_feed(&tally->reader, text + at, size - at < piece ? size - at : piece);
    }
    log_reader_finish(&tally->reader);
}

static void check_sums(const struct tally *tally)
{
    const struct line_counts *lines = &tally->parser.lines;
    must(lines->total == lines->in_records + lines->returns + lines->messages + lines->damaged,
         "each line is in one count");
    uint64_t records = tally->sites.overflow;
    for (uint32_t i = 0; i < tally->sites.count; i++) {
        char text[ESR_TEXT];
        records += tally->sites.sites[i].count;
        must(strlen(esr_text(tally->sites.sites[i].key.esr, text)) > 0, "a syndrome has a text");
    }
    must(records == tally->records, "sites and buckets hold every record");
    uint64_t messages = tally->messages.overflow;
    for (uint32_t i = 0; i < tally->messages.count; i++) {
        messages += tally->messages.messages[i].count;
    }
    must(messages == lines->messages, "messages add up");
}

static void check_same(void)
{
    must(memcmp(&whole.parser.lines, &pieces.parser.lines, sizeof(whole.parser.lines)) == 0,
         "same lines however cut");
    must(whole.sites.count == pieces.sites.count && whole.records == pieces.records &&
             whole.ambiguous == pieces.ambiguous && whole.damage == pieces.damage,
         "same records however cut");
    must(memcmp(whole.sites.sites, pieces.sites.sites,
                whole.sites.count * sizeof(whole.sites.sites[0])) == 0,
         "same sites however cut");
    must(whole.messages.count == pieces.messages.count &&
             whole.messages.used == pieces.messages.used,
         "same messages however cut");
}

static void check_judgement(const struct tally *baseline)
{
    struct judgement judgement;
    must(judge(&judgement, &pack, &whole, baseline), "memory");
    bool held = judgement.exit_code == EXIT_HELD;
    must(!held || (whole.damage == 0 && judgement.undecided == 0), "damage is never held");
    must(!held || judgement.deny.counted == 0, "a denied record is never held");
    must(judgement.denied_records <= whole.records, "no more is denied than there is");
    must(baseline == NULL || judgement.denied_records == 0, "a log holds nothing beyond itself");
    judgement_free(&judgement);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[PACK_ERROR_TEXT];
    if (pack.fault_count == 0) {
        must(pack_parse(&pack, "pack", PACK, sizeof(PACK) - 1, NULL, error), "the pack is right");
    }
    if (size < 1) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    read_pieces(&whole, text, size - 1, size);
    read_pieces(&pieces, text, size - 1, 1 + (size_t)data[0]);
    check_sums(&whole);
    check_same();
    check_judgement(NULL);
    check_judgement(&pieces);
    tally_free(&whole);
    tally_free(&pieces);
    return 0;
}
