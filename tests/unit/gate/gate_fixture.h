/* Helpers of the gate's unit tests: logs and packs from text in memory. */
#ifndef TESTS_GATE_FIXTURE_H
#define TESTS_GATE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "judge.h"
#include "pack.h"
#include "tally.h"

#define SVC_RECORD                                                                                 \
    "Taking exception 2 [SVC] on CPU 0\n"                                                          \
    "...from EL0 to EL1\n"                                                                         \
    "...with ESR 0x15/0x56000001\n"                                                                \
    "...with ELR 0x400420\n"                                                                       \
    "...to EL1 PC 0xffff000000080400 PSTATE 0x3c5\n"                                               \
    "Exception return from AArch64 EL1 to AArch64 EL0 PC 0x400420\n"

#define DATA_ABORT_RECORD                                                                          \
    "Taking exception 4 [Data Abort] on CPU 0\n"                                                   \
    "...from EL1 to EL1\n"                                                                         \
    "...with ESR 0x25/0x96000046\n"                                                                \
    "...with FAR 0x10\n"                                                                           \
    "...with ELR 0x40080050\n"                                                                     \
    "...to EL1 PC 0x40080a00 PSTATE 0x3c5\n"

#define PSCI_RECORD                                                                                \
    "Taking exception 11 [Hypervisor Call] on CPU 0\n"                                             \
    "...from EL1 to EL2\n"                                                                         \
    "...with ESR 0x16/0x5a000000\n"                                                                \
    "...handled as PSCI call\n"

#define IRQ_RECORD                                                                                 \
    "Taking exception 5 [IRQ] on CPU 0\n"                                                          \
    "...from EL1 to EL1\n"                                                                         \
    "...with ESR 0x15/0x56000001\n"                                                                \
    "...with ELR 0x40080100\n"                                                                     \
    "...to EL1 PC 0x40080a80 PSTATE 0x3c5\n"

static inline int no_rule(const void *context, const char *text)
{
    (void)context;
    (void)text;
    return -1;
}

/* Parse a log in pieces of `chunk` bytes (0: whole). The tally ends with tally_free(). */
static inline void tally_chunked(struct tally *tally, uint32_t max_sites,
                                 const struct message_matcher *matcher, const char *text,
                                 size_t length, size_t chunk)
{
    assert_true(tally_init(tally, max_sites, matcher));
    chunk = chunk == 0 ? length : chunk;
    for (size_t at = 0; at < length; at += chunk) {
        log_reader_feed(&tally->reader, text + at, length - at < chunk ? length - at : chunk);
    }
    log_reader_finish(&tally->reader);
    const struct line_counts *lines = &tally->parser.lines;
    assert_int_equal(lines->total,
                     lines->in_records + lines->returns + lines->messages + lines->damaged);
}

static inline void tally_text(struct tally *tally, const char *text)
{
    const struct message_matcher matcher = {.match = no_rule};
    tally_chunked(tally, DEFAULT_MAX_SITES, &matcher, text, strlen(text), 0);
}

/* A pack that must be right, for the variant (or NULL). */
static inline void load_pack(struct pack *pack, const char *text, const char *variant)
{
    char error[PACK_ERROR_TEXT];
    if (!pack_parse(pack, "test.yaml", text, strlen(text), variant, error)) {
        fail_msg("%s", error);
    }
}

#endif
