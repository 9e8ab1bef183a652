/* Which translations a TLBI of the EL1&0 regime, stage 1, removes. */
#ifndef RIG_ORDER_TLBI_MATCH_H
#define RIG_ORDER_TLBI_MATCH_H

#include "machine.h"
#include "words.h"

enum { TLBI_PATH = 20 };

struct tlbi_target {
    struct a64_tlbi op;
    bool operand_unknown;     /* may be any address */
    bool everywhere;          /* all addresses: ALL, ASID (which one is not asked) */
    uint64_t first, last;     /* else these */
    uint64_t path[TLBI_PATH]; /* of one address: words that its walk reads, and the neighbours of
                                 the last, which count where the Contiguous bit was set */
    unsigned int steps;       /* of the walk */
    unsigned int path_count;
};

/* False: not of stage 1 of this regime. */
bool tlbi_target_of(struct machine *machine, const struct trace_event *event,
                    struct tlbi_target *target);

/* Domain of a DSB that a TLBI needs: its own. "NSH", "ISH", "OSH". */
const char *tlbi_domain_name(enum a64_domain domain);

/*
 * Go through the words that the TLBI concerns, from *cursor = SIZE_MAX on, NULL at the end. The
 * word handed out may be removed before the next call.
 */
struct table_word *tlbi_next(const struct machine *machine, const struct machine_cpu *cpu,
                             const struct tlbi_target *target, const struct words *words,
                             size_t *cursor);

#endif
