/* Is something of this log in the baseline, the tally of an earlier one? */
#ifndef RIG_GATE_BASELINE_H
#define RIG_GATE_BASELINE_H

#include "tally.h"

enum known { KNOWN_NO, KNOWN_YES, KNOWN_MAYBE /* it may be among what overflowed */ };

/* A site: the same class, levels, ESR and ELR; for interrupts, class and levels. */
enum known baseline_knows_site(const struct tally *baseline, const struct site_key *key);

/* Overflowed records, of which only class, levels and PSCI are known. */
enum known baseline_knows_class(const struct tally *baseline, const struct site_key *key);

#endif
