#include "walk_rights.h"

#include <stdio.h>
#include <string.h>

#include "space_map.h"
#include "sysregs.h"
#include "walk_fields.h"

/* Bits 63:59 of a table descriptor: NSTable and what is taken away below. */
#define TABLE_ATTRIBUTES                                                                           \
    (DESC_TABLE_NSTABLE_MASK | DESC_TABLE_APTABLE_MASK | DESC_TABLE_UXNTABLE_MASK |                \
     DESC_TABLE_PXNTABLE_MASK)

/* The snapshot's memory, but for the attributes of some table descriptors. */
struct masked {
    struct snapshot_reader reader;
    const struct rig_walk_step *steps; /* the path; its tables from number `from` on are masked */
    size_t from;
    size_t count;
};

static int read_masked(void *ctx, uint64_t pa, uint64_t *value)
{
    struct masked *masked = ctx;
    int code = snapshot_read_u64(&masked->reader, pa, value);

    for (size_t i = masked->from; code == 0 && i + 1 < masked->count; i++) {
        if (masked->steps[i].descriptor_pa == pa) {
            *value &= ~(uint64_t)TABLE_ATTRIBUTES;
        }
    }
    return code;
}

/* What is being worked out. */
struct chain {
    const struct snapshot *snapshot;
    const struct rig_walk_result *path; /* the walk with everything in the way put aside */
    struct rig_walk_regs regs;          /* those of the line that is being added */
    size_t masked_from;                 /* tables from here on do not count yet */
    struct walk_rights *rights;
};

/* Put aside what is in the snapshot's registers: WXN, E0PD, EPD, and faults by a clear AF. */
static struct rig_walk_regs aside(const struct rig_walk_regs *from)
{
    struct rig_walk_regs regs = walk_without_epd(from);
    bool el2 = regs.regime == RIG_WALK_REGIME_EL2;

    regs.sctlr &= ~(uint64_t)SCTLR_EL1_WXN_BIT; /* the same bit in SCTLR_EL2 */
    if (!el2) {
        regs.tcr &= ~(uint64_t)(TCR_EL1_E0PD0_BIT | TCR_EL1_E0PD1_BIT);
    }
    if ((regs.id_aa64mmfr1 & ID_AA64MMFR1_EL1_HAFDBS_MASK) == ID_AA64MMFR1_EL1_HAFDBS_NONE) {
        regs.id_aa64mmfr1 |= ID_AA64MMFR1_EL1_HAFDBS_ACCESS_FLAG;
    }
    if ((from->tcr & (el2 ? TCR_EL2_HA_BIT : TCR_EL1_HA_BIT)) == 0) {
        /* HD means nothing without HA, and must not begin to. */
        regs.tcr &= ~(uint64_t)(el2 ? TCR_EL2_HD_BIT : TCR_EL1_HD_BIT);
        regs.tcr |= el2 ? TCR_EL2_HA_BIT : TCR_EL1_HA_BIT;
    }
    return regs;
}

struct rig_walk_regs walk_without_epd(const struct rig_walk_regs *from)
{
    struct rig_walk_regs regs = *from;

    if (regs.regime != RIG_WALK_REGIME_EL2) {
        regs.tcr &= ~(uint64_t)(TCR_EL1_EPD0_BIT | TCR_EL1_EPD1_BIT);
    }
    return regs;
}

/* The next line: what is left with these registers and these tables in effect. */
static struct walk_right *add(struct chain *chain)
{
    struct masked masked = {
        .reader = {.snapshot = chain->snapshot},
        .steps = chain->path->steps,
        .from = chain->masked_from,
        .count = chain->path->step_count,
    };
    struct walk_right *line = &chain->rights->lines[chain->rights->count];
    struct rig_walk_result result;

    (void)rig_walk(&chain->regs, read_masked, &masked, chain->path->va, &result);
    space_map_rights(&result.attr, 1, line->el1);
    space_map_rights(&result.attr, 0, line->el0);
    line->takes = chain->rights->count > 0 &&
                  (strcmp(line->el1, line[-1].el1) != 0 || strcmp(line->el0, line[-1].el0) != 0);
    chain->rights->count++;
    return line;
}

/* Whether TCR_ELx.HPD puts the attributes of table descriptors out of effect (FEAT_HPDS). */
static bool tables_are_ignored(const struct rig_walk_regs *regs, const struct rig_walk_result *path)
{
    uint64_t hpd = path->upper != 0 ? TCR_EL1_HPD1_BIT : TCR_EL1_HPD0_BIT;

    if (regs->regime == RIG_WALK_REGIME_EL2) {
        hpd = TCR_EL2_HPD_BIT;
    }
    return (regs->tcr & hpd) != 0 && (regs->id_aa64mmfr1 & ID_AA64MMFR1_EL1_HPDS_MASK) != 0;
}

static void add_tables(struct chain *chain)
{
    bool ignored = tables_are_ignored(&chain->snapshot->regs, chain->path);

    for (size_t i = 0; i + 1 < chain->path->step_count; i++) {
        const struct rig_walk_step *step = &chain->path->steps[i];
        struct walk_field fields[WALK_FIELDS_MAX];
        size_t count = walk_table_fields(&chain->snapshot->regs, step->descriptor, fields);
        struct walk_right *line;
        int length;

        chain->masked_from = i + 1;
        if (count == 0) {
            continue;
        }
        line = add(chain);
        length =
            snprintf(line->who, sizeof(line->who), "the level %u table descriptor: ", step->level);
        for (size_t k = 0; k < count && length > 0 && (size_t)length < sizeof(line->who); k++) {
            length += snprintf(line->who + length, sizeof(line->who) - (size_t)length, "%s%s",
                               k == 0 ? "" : ", ", fields[k].name);
        }
        if (ignored && length > 0 && (size_t)length < sizeof(line->who)) {
            snprintf(line->who + length, sizeof(line->who) - (size_t)length,
                     ", which HPD tells to ignore");
        }
    }
}

static void add_controls(struct chain *chain, const struct rig_walk_result *result)
{
    const struct rig_walk_regs *regs = &chain->snapshot->regs;
    int level = regs->regime == RIG_WALK_REGIME_EL2 ? 2 : 1;
    uint64_t e0pd = result->upper != 0 ? TCR_EL1_E0PD1_BIT : TCR_EL1_E0PD0_BIT;
    struct walk_right *line;

    if ((regs->sctlr & SCTLR_EL1_WXN_BIT) != 0) {
        chain->regs.sctlr |= SCTLR_EL1_WXN_BIT;
        line = add(chain);
        snprintf(line->who, sizeof(line->who),
                 "SCTLR_EL%d.WXN = 1: what is writable is not executed", level);
    }
    if (level == 1 && (regs->tcr & e0pd) != 0) {
        chain->regs.tcr |= e0pd;
        line = add(chain);
        snprintf(line->who, sizeof(line->who), "TCR_EL1.E0PD%u = 1: EL0 has no access to this half",
                 result->upper);
    }
    if (chain->path->attr.af == 0) {
        chain->regs.tcr = regs->tcr & ~(uint64_t)(TCR_EL1_EPD0_BIT | TCR_EL1_EPD1_BIT);
        chain->regs.tcr = level == 2 ? regs->tcr : chain->regs.tcr;
        chain->regs.id_aa64mmfr1 = regs->id_aa64mmfr1;
        line = add(chain);
        snprintf(line->who, sizeof(line->who), "AF = 0: %s",
                 line->takes ? "every access faults until software sets it"
                             : "hardware sets it at the first access");
    }
    if (result->status == RIG_WALK_FAULT_WALK_DISABLED) {
        chain->regs = *regs;
        line = add(chain);
        snprintf(line->who, sizeof(line->who), "TCR_EL1.EPD%u = 1: these tables are not walked",
                 result->upper);
    }
}

void walk_rights_of(const struct snapshot *snapshot, const struct rig_walk_result *result,
                    struct walk_rights *rights)
{
    struct snapshot_reader reader = {.snapshot = snapshot};
    struct rig_walk_result path;
    struct chain chain = {
        .snapshot = snapshot,
        .path = &path,
        .regs = aside(&snapshot->regs),
        .rights = rights,
    };

    *rights = (struct walk_rights){0};
    (void)rig_walk(&chain.regs, snapshot_read_u64, &reader, result->va, &path);
    if (path.status != RIG_WALK_OK || path.step_count == 0) {
        return;
    }
    snprintf(add(&chain)->who, WALK_RIGHTS_TEXT, "the %s's descriptor",
             path.level == RIG_WALK_MAX_STEPS - 1 ? "page" : "block");
    add_tables(&chain);
    add_controls(&chain, result);
}
