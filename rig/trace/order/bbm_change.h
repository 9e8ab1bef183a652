/* What a change from one valid descriptor to another asks for. */
#ifndef RIG_ORDER_BBM_CHANGE_H
#define RIG_ORDER_BBM_CHANGE_H

#include "machine.h"

enum bbm_need { BBM_NONE, BBM_ADVISED, BBM_NEEDED };

struct bbm_change {
    enum bbm_need need;
    const char *what; /* "the output address", ...; NULL for BBM_NONE */
};

/* Both valid at that level. Two table descriptors are BBM_NONE: compare what they lead to. */
struct bbm_change bbm_change_of(const struct machine *machine, const struct machine_cpu *cpu,
                                unsigned int level, uint64_t before, uint64_t after);

/* Whether a TLB entry made from `before` is of any harm when the descriptor is `after`: not when
 * only the Access flag or bits that hardware ignores differ, and not when `before` is of a kind
 * that no TLB holds. */
bool bbm_stale_matters(const struct machine_cpu *cpu, unsigned int level, uint64_t before,
                       uint64_t after);

#endif
