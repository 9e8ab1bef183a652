#include "trace_flags.h"

#include <stddef.h>

#include "trace_events.h"

const struct trace_flag_words TRACE_FLAG_WORDS[TRACE_FLAG_COUNT] = {
    {TRACE_CLOSED, "closed", "QEMU ended by itself: everything was recorded",
     "QEMU was killed: the trace ends with the last event before"},
    {TRACE_FULL, "full", "the size limit was met: later events are missing (limit= of the plugin)",
     NULL},
    {TRACE_STORES, "stores", "accesses to memory were watched",
     "accesses to memory were not watched: no accesses, tables or stores (stores=on)"},
    {TRACE_EVERY, "every", "also recorded outside of windows what is else only in them", NULL},
    {TRACE_OPERANDS, "operands", "values of registers are known",
     "values of registers are not known: what an MSR, TLBI or DC was given is missing"},
    {TRACE_OPERANDS_LOST, "operands-lost",
     "the run left the path of the one its operands were taken from: unknown from there on", NULL},
    {TRACE_RAM_UNKNOWN, "ram-unknown",
     "the guest's RAM was not found: no table was read, no store watched (ram= of the plugin)",
     NULL},
    {TRACE_TABLES_CUT, "tables-cut",
     "the guest had more translation tables than are followed: some are missing", NULL},
};
