/*
 * The ordering checker: judges an event trace (trace_events.h) by the ordering rules, for any
 * guest.
 *
 * Streaming: each event is seen once, in order; what has to be remembered is kept in indexes. Rules
 * are modules (rule.h) over one model of the machine (machine.h).
 */
#ifndef RIG_ORDER_H
#define RIG_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event_reader.h"

enum order_level { ORDER_NOTE, ORDER_ERROR };

/* Features of the CPU that decide what is needed. */
struct order_features {
    bool ets2;             /* ID_AA64MMFR1_EL1.ETS >= 2 */
    unsigned int bbm;      /* ID_AA64MMFR2_EL1.BBM: 0, 1, 2 */
    bool idc;              /* CTR_EL0.IDC: no DC to the PoU needed for instructions */
    bool exs;              /* ID_AA64MMFR0_EL1.ExS: SCTLR_ELx.EIS and EOS count */
    bool dic;              /* CTR_EL0.DIC: no IC needed */
    bool no_vhe;           /* ID_AA64MMFR1_EL1.VH is 0: there is no HCR_EL2.E2H */
    uint64_t id_aa64mmfr0; /* as the walker takes them (rigwalk.h) */
    uint64_t id_aa64mmfr1;
    uint64_t id_aa64mmfr2;
};

/* One end of a finding: an instruction that executed. */
struct order_end {
    uint64_t event; /* number of the event, or the time of a store that has none */
    uint64_t pc;
    uint64_t pc_pa;  /* or TRACE_UNKNOWN_ADDRESS */
    uint32_t opcode; /* 0 when the trace does not tell: a store, or a load */
    uint8_t cpu;
    uint8_t el;
    uint64_t address; /* the VA it concerns, or 0 */
    bool has_address;
};

enum { ORDER_TEXT = 320 };

/*
 * A hazard. The same rule at the same two PCs is one finding, counted; code that was copied without
 * what has to follow is one finding, too, however many of its instructions execute. Texts are whole
 * sentences without a full stop at the end.
 */
struct order_finding {
    const char *rule; /* its id */
    enum order_level level;
    struct order_end write;    /* what began the hazard */
    struct order_end consumer; /* what it reached; for an idiom breach where it was seen */
    char missing[ORDER_TEXT];  /* "no ISB between the write of TTBR0_EL1 and the load" */
    char detail[ORDER_TEXT];   /* values: "VA 0x...: old walk gives ..., new one ..."; may be "" */
    char fix[ORDER_TEXT];      /* one line: "put DSB ISH; ISB behind the TLBI" */
    uint64_t count;
};

struct order_settings {
    struct order_features features;
    const char *const *rules; /* ids to judge, ends with NULL; NULL: all */
    uint64_t finding_limit;   /* distinct findings kept; 0: 1000 */
};

/* What a rule's state is at the end: that it looked at something at all. */
struct order_rule_result {
    const char *id;
    uint64_t subjects;  /* hazards begun that it followed: writes, TLBIs, stores, ... */
    uint64_t consumers; /* consumers it compared with them */
    bool judged;        /* false: the trace lacks what it needs (stores, operands) */
    char why_not[ORDER_TEXT];
};

struct order_result {
    struct order_finding *findings; /* errors first, then by event of the consumer */
    size_t finding_count;
    uint64_t findings_cut; /* distinct findings beyond the limit */
    struct order_rule_result *rules;
    size_t rule_count;
    uint64_t events;
    uint64_t windows_cut; /* TRACE_EVENT_CUT: hazards followed in part only */
};

/* Judge; false with `error` when memory ends or a rule id is unknown. order_result_free after true.
 */
bool order_check(const struct event_trace *trace, const struct order_settings *settings,
                 struct order_result *result, char error[static ORDER_TEXT]);
void order_result_free(struct order_result *result);

/* The rules: id, one sentence, level, manual section. Ends with a NULL id. */
struct order_rule_info {
    const char *id;
    const char *title;
    const char *section;    /* "DDI 0487, D8.17.1 ..." */
    enum order_level level; /* the highest it gives */
};
const struct order_rule_info *order_rules(void);

#endif
