/*
 * Counting into block records while the guest runs; one implementation for each plugin API.
 *
 * Each block gets a callback at its start, which counts segment 0 and settles the conditional
 * branch of the block before it. Further segments are counted by what is cheapest:
 *
 * - API 1, one CPU: inline additions straight into the file.
 * - API 1, several CPUs: callbacks, as inline additions are not atomic.
 * - API 2: an inline addition to a number of the CPU, which says how far the block came. It is
 * added to the record when the next block begins, or before the CPU waits.
 */
#ifndef RIG_PLUGIN_COUNTING_H
#define RIG_PLUGIN_COUNTING_H

#include "blocks.h"
#include "plugin_base.h"

/* Once, before anything is translated; false when memory is short. */
bool counting_start(const struct plugin *plugin);

/*
 * Instrument a translated block that has the record `block`; `starts` are its segments' first
 * instructions. The instruction at index `skip` gets no counter of its own: the caller calls
 * counting_segment from its callback.
 */
void counting_block(struct qemu_plugin_tb *tb, struct trace_block *block, const uint16_t *starts,
                    uint32_t skip);

/* Instrument a block that has no record. */
void counting_lost_block(struct qemu_plugin_tb *tb);

/* In a callback of virtual CPU `vcpu`: segment `segment` of `block` begins. */
void counting_segment(unsigned int vcpu, struct trace_block *block, uint32_t segment);

/* Bring the records up to what has executed, of one CPU in its callback, or of all at the end. */
void counting_settle(unsigned int vcpu);
void counting_settle_all(void);

#endif
