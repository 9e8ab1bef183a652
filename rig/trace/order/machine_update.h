/* How events change the model of the machine: for order.c alone, in the order that rule.h tells. */
#ifndef RIG_ORDER_MACHINE_UPDATE_H
#define RIG_ORDER_MACHINE_UPDATE_H

#include "machine.h"

bool machine_begin(struct machine *machine, const struct event_trace *trace,
                   const struct order_features *features);
void machine_end(struct machine *machine);

/* ISB, ERET and exception entry: DDI 0487, Glossary "Context synchronization event". FEAT_ExS
 * (SCTLR_ELx.EIS and EOS being 0) is not followed. */
bool machine_is_cse(const struct machine *machine, const struct trace_event *event,
                    enum a64_class class);

/* What is so before the rules see the event: level, barriers and maintenance, tables told. */
bool machine_observe(struct machine *machine, const struct trace_event *event,
                     enum a64_class class);
/* A context synchronization event: no write of the CPU is pending any more. */
void machine_synchronize(struct machine *machine, const struct trace_event *event);
/* What is so behind the event: registers written, table words stored, the level an ERET goes to. */
void machine_apply(struct machine *machine, const struct trace_event *event, enum a64_class class);

#endif
