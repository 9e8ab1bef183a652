/*
 * What a boot does between its first write of SCTLR and the next context synchronization event.
 *
 * Of SCTLR as the entry left it only M is known, which is 0. What else decides a data access with
 * the MMU off is EE, the byte order: unknown at reset, or the loader's (DDI 0487, SCTLR_EL1.EE).
 * Not A, since all memory is Device and faults unaligned accesses anyway; not C and I, since no
 * data is cached; SA only where SP is misaligned, which is a mistake of its own.
 */
#ifndef RIG_ORDER_SYSREG_ENTRY_H
#define RIG_ORDER_SYSREG_ENTRY_H

#include "regime_use.h"
#include "rule.h"

/*
 * Judge a data access. A note, told once for each write (`reported`: its event + 1): the trace does
 * not tell what EE was, and who writes back what he read leaves it as it was.
 */
bool sysreg_entry_judge(struct rule *rule, const struct trace_event *event,
                        const struct regime_use *use, uint64_t *reported);

#endif
