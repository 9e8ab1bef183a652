#include "audit_witness.h"

#include "sysregs.h"

enum { EL0 = 0, EL1 = 1 };

/* The exception level of the stop: the snapshot says it, else PSTATE does. */
static unsigned level_of(const struct snapshot *snapshot)
{
    enum { EL_SHIFT = 2, EL_MASK = 3 };
    const json_t *el = json_object_get(json_object_get(snapshot->header, "made"), "el");

    return json_is_integer(el) ? (unsigned)json_integer_value(el)
                               : (unsigned)(snapshot->regs.pstate >> EL_SHIFT) & EL_MASK;
}

/* gva2gpa asks for a data read at the level of the stop, under PAN. */
static bool reads(const struct rig_walk_result *result, unsigned el)
{
    if (result->status != RIG_WALK_OK) {
        return false;
    }
    if (el == EL0) {
        return result->attr.el0_read != 0;
    }
    return result->attr.el1_read != 0 && (el != EL1 || result->attr.pan_blocks_el1 == 0);
}

/*
 * QEMU 7.2 takes blocks at every level, and does not look at address bits 51:48 of the 64 KiB
 * granule: it may translate there what the architecture has fault.
 */
static bool known_departure(const struct rig_walk_result *ours,
                            const struct snapshot_witness *theirs)
{
    return theirs->translates && (ours->reason == RIG_WALK_REASON_RESERVED ||
                                  ours->reason == RIG_WALK_REASON_TABLE_ADDRESS ||
                                  ours->reason == RIG_WALK_REASON_OUTPUT_ADDRESS);
}

void audit_witnesses_check(struct audit_witnesses *witnesses, struct snapshot_reader *reader)
{
    const struct snapshot *snapshot = reader->snapshot;
    unsigned el = level_of(snapshot);

    *witnesses = (struct audit_witnesses){0};
    for (size_t i = 0; i < snapshot->witness_count; i++) {
        const struct snapshot_witness *theirs = &snapshot->witnesses[i];
        struct rig_walk_result ours;
        bool translates;

        (void)rig_walk(&snapshot->regs, snapshot_read_u64, reader, theirs->va, &ours);
        translates = reads(&ours, el);
        if (translates == theirs->translates && (!translates || ours.pa == theirs->pa)) {
            witnesses->checked++;
        } else if (known_departure(&ours, theirs)) {
            witnesses->left_out++;
        } else {
            witnesses->checked++;
            if (witnesses->differ++ == 0) {
                witnesses->va = theirs->va;
                witnesses->theirs = *theirs;
                witnesses->ours = ours;
            }
        }
    }
}
