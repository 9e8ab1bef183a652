#include "tally.h"

#include <string.h>

static void on_fault(void *context, const struct fault_record *record)
{
    struct tally *tally = context;
    tally->records++;
    tally->by_class[record->class]++;
    tally->ambiguous += record->ambiguous;
    site_table_add(&tally->sites, record);
    tally->ends_with_psci = record->psci;
    if (record->psci) {
        tally->last_record = *record;
    }
}

static void on_return(void *context, uint64_t line)
{
    struct tally *tally = context;
    (void)line;
    tally->ends_with_psci = false;
}

static void on_message(void *context, uint64_t line, const char *text, size_t length)
{
    struct tally *tally = context;
    message_table_add(&tally->messages, line, text, length);
}

static void on_damage(void *context, uint64_t line, enum damage_kind kind, const char *text,
                      size_t length)
{
    struct tally *tally = context;
    tally->damage++;
    tally->damage_by_kind[kind]++;
    if (tally->damage_sample_count == MAX_DAMAGE_SAMPLES) {
        return;
    }
    struct damage_sample *sample = &tally->damage_samples[tally->damage_sample_count++];
    sample->kind = kind;
    sample->line = line;
    sample->length = (uint16_t)(length < DAMAGE_SAMPLE_TEXT ? length : DAMAGE_SAMPLE_TEXT);
    memcpy(sample->text, text, sample->length);
}

bool tally_init(struct tally *tally, uint32_t max_sites, const struct message_matcher *matcher)
{
    *tally = (struct tally){0};
    message_table_init(&tally->messages, matcher);
    if (!site_table_init(&tally->sites, max_sites)) {
        return false;
    }
    const struct record_sink sink = {
        .context = tally,
        .fault = on_fault,
        .exception_return = on_return,
        .message = on_message,
        .damage = on_damage,
    };
    record_parser_init(&tally->parser, &sink);
    log_reader_init(&tally->reader, &tally->parser);
    return true;
}

void tally_free(struct tally *tally)
{
    site_table_free(&tally->sites);
    message_table_free(&tally->messages);
}
