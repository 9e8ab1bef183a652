/*
 * The translation tables of the EL1&0 regime that a TTBR reaches, whether the MMU is on or not: a
 * FRAME event for each that comes, FRAME_GONE for each that goes.
 *
 * A root that no TTBR names any more stays attached while TLBs may hold what was walked from it,
 * that is until they are told to forget its ASID, so that a store into a space that is only
 * switched away from counts. Then its frames may be reused for anything. Caller holds the lock.
 */
#ifndef RIG_PLUGIN_TABLE_WATCH_H
#define RIG_PLUGIN_TABLE_WATCH_H

#include "recorder.h"

/* A register that decides where walks begin was written, or is about to be. */
void table_watch_registers(unsigned int vcpu, uint64_t pc, uint64_t pc_pa);

/* TLBI of the EL1&0 regime, with its operand if that is known: forget the roots that it ends. */
void table_watch_tlbi(unsigned int vcpu, const struct event_site *site, bool known, uint64_t value);

/* Is there a table to be watched at that word? */
bool table_watch_holds(uint64_t word_pa);

/* The word of a table (table_watch_holds) became `value`, by a store at `pc`. True when that
 * changes a descriptor that is or was valid. To be called behind the event of the store. */
bool table_watch_store(unsigned int vcpu, uint64_t pc, uint64_t pc_pa, uint64_t word_pa,
                       uint64_t value);

/* Once; false when memory is short. */
bool table_watch_start(void);

#endif
