/*
 * The proof that the rig reads these tables as the machine does: what the emulator itself answered
 * for addresses at the stop, against the walker. One difference, and nothing can be judged.
 */
#ifndef RIG_AUDIT_WITNESS_H
#define RIG_AUDIT_WITNESS_H

#include <stdint.h>

#include "snapshot.h"

struct audit_witnesses {
    uint64_t checked;
    uint64_t differ;
    uint64_t left_out; /* the emulator is known to depart from the architecture there */
    uint64_t va;       /* the first difference: the address, and both answers */
    struct snapshot_witness theirs;
    struct rig_walk_result ours;
};

void audit_witnesses_check(struct audit_witnesses *witnesses, struct snapshot_reader *reader);

#endif
