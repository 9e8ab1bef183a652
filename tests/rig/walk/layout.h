/*
 * What the host's generator and the guest agree on: where things are in the guest's RAM, and the
 * offsets of the structures that they exchange. Included by C and by assembly.
 */
#ifndef WALK_LAYOUT_H
#define WALK_LAYOUT_H

#define LAYOUT_RAM_BASE     0x40000000
#define LAYOUT_RAM_SIZE     0x10000000
#define LAYOUT_GUEST_PA     0x40200000 /* the guest's own code; it runs untranslated at EL3 */
#define LAYOUT_VECTORS_PA   0x40400000 /* what VBAR_EL1 and VBAR_EL2 lead to: SMC, everywhere */
#define LAYOUT_VECTORS_SIZE 0x10000
#define LAYOUT_GOOD_PA      0x40410000 /* level 1 tables that map the vectors: little-, big-endian */
#define LAYOUT_HEADER_PA    0x40420000
#define LAYOUT_LANDING_PA   0x40440000 /* SVC #n in its n-th word: executing it names its address */
#define LAYOUT_LANDING_SIZE 0x40000
#define LAYOUT_HEAP_PA      0x41000000 /* scenarios, probes, tables */

/* Nothing answers here in this machine. */
#define LAYOUT_NOTHING_PA  0x60000000
#define LAYOUT_NOTHING_END 0x4000000000

/* struct layout_header */
#define HEADER_SCENARIO_COUNT 0
#define HEADER_SCENARIOS_PA   8
#define HEADER_DONE           16
#define HEADER_AT_SCENARIO    24
#define HEADER_AT_PROBE       32
#define HEADER_BAD            40
#define HEADER_MMFR0          48
#define HEADER_MMFR1          56
#define HEADER_MMFR2          64

/* struct layout_scenario */
#define SCENARIO_SCTLR       0
#define SCENARIO_TCR         8
#define SCENARIO_TTBR0       16
#define SCENARIO_TTBR1       24
#define SCENARIO_MAIR        32
#define SCENARIO_VBAR        40
#define SCENARIO_REGIME      48
#define SCENARIO_PROBES_PA   56
#define SCENARIO_PROBE_COUNT 64
#define SCENARIO_SIZE        88

/* struct layout_probe */
#define PROBE_VA               0
#define PROBE_EXECUTE          8
#define PROBE_AT               16 /* pairs of PAR_EL1 and the ESR_EL3 of an exception that AT took */
#define PROBE_EXECUTION        112
#define PROBE_SIZE             192

#define EXECUTE_PRIVILEGED_BIT 0 /* at EL1, or EL2 in its regime */
#define EXECUTE_EL0_BIT        1

#define HEADER_DONE_VALUE      0x646f6e65 /* "done" */

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

/* The AT instructions in the order of a probe's answers. EL2's regime has the first two. */
enum layout_at { AT_EL1_READ, AT_EL1_WRITE, AT_EL0_READ, AT_EL0_WRITE, AT_PAN_READ, AT_PAN_WRITE };
enum { LAYOUT_AT_COUNT = 6, LAYOUT_EXECUTION_COUNT = 2 };

struct layout_header {
    uint64_t scenario_count;
    uint64_t scenarios_pa;
    uint64_t done;        /* HEADER_DONE_VALUE at the end */
    uint64_t at_scenario; /* how far the guest came */
    uint64_t at_probe;
    uint64_t bad; /* ESR_EL3 of an exception that nothing was to take */
    uint64_t id_aa64mmfr0;
    uint64_t id_aa64mmfr1;
    uint64_t id_aa64mmfr2;
};

struct layout_scenario {
    uint64_t sctlr;
    uint64_t tcr;
    uint64_t ttbr0;
    uint64_t ttbr1;
    uint64_t mair;
    uint64_t vbar;
    uint64_t regime; /* enum rig_walk_regime */
    uint64_t probes_pa;
    uint64_t probe_count;
    uint64_t tables_pa; /* its tables are in [tables_pa, tables_end); the guest does not ask */
    uint64_t tables_end;
};

struct layout_at_answer {
    uint64_t par;
    uint64_t esr_el3; /* 0: AT took no exception */
};

/* How EL3 was entered after a jump to the probe's address, and what the vector's level saw. */
struct layout_execution {
    uint64_t esr_el3;
    uint64_t elr_el3;
    uint64_t esr;
    uint64_t elr;
    uint64_t far;
};

struct layout_probe {
    uint64_t va;
    uint64_t execute; /* EXECUTE_..._BIT */
    struct layout_at_answer at[LAYOUT_AT_COUNT];
    struct layout_execution execution[LAYOUT_EXECUTION_COUNT];
};

#define LAYOUT_AT(type, member, offset)                                                            \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member)

LAYOUT_AT(layout_header, scenario_count, HEADER_SCENARIO_COUNT);
LAYOUT_AT(layout_header, scenarios_pa, HEADER_SCENARIOS_PA);
LAYOUT_AT(layout_header, done, HEADER_DONE);
LAYOUT_AT(layout_header, at_scenario, HEADER_AT_SCENARIO);
LAYOUT_AT(layout_header, at_probe, HEADER_AT_PROBE);
LAYOUT_AT(layout_header, bad, HEADER_BAD);
LAYOUT_AT(layout_header, id_aa64mmfr0, HEADER_MMFR0);
LAYOUT_AT(layout_header, id_aa64mmfr1, HEADER_MMFR1);
LAYOUT_AT(layout_header, id_aa64mmfr2, HEADER_MMFR2);
LAYOUT_AT(layout_scenario, sctlr, SCENARIO_SCTLR);
LAYOUT_AT(layout_scenario, tcr, SCENARIO_TCR);
LAYOUT_AT(layout_scenario, ttbr0, SCENARIO_TTBR0);
LAYOUT_AT(layout_scenario, ttbr1, SCENARIO_TTBR1);
LAYOUT_AT(layout_scenario, mair, SCENARIO_MAIR);
LAYOUT_AT(layout_scenario, vbar, SCENARIO_VBAR);
LAYOUT_AT(layout_scenario, regime, SCENARIO_REGIME);
LAYOUT_AT(layout_scenario, probes_pa, SCENARIO_PROBES_PA);
LAYOUT_AT(layout_scenario, probe_count, SCENARIO_PROBE_COUNT);
LAYOUT_AT(layout_probe, va, PROBE_VA);
LAYOUT_AT(layout_probe, execute, PROBE_EXECUTE);
LAYOUT_AT(layout_probe, at, PROBE_AT);
LAYOUT_AT(layout_probe, execution, PROBE_EXECUTION);
_Static_assert(sizeof(struct layout_scenario) == SCENARIO_SIZE, "struct layout_scenario");
_Static_assert(sizeof(struct layout_probe) == PROBE_SIZE, "struct layout_probe");

#endif
#endif
