/* All answers of QEMU's CPU against the walker. */
#ifndef WALK_JUDGE_H
#define WALK_JUDGE_H

#include "image.h"
#include "lie.h"
#include "scenario.h"

/*
 * Where QEMU 7.2 is known to do otherwise than the architecture. An answer that differs is held
 * against what QEMU must answer then; only when it is that, it counts as known.
 */
enum known { KNOWN_BLOCK_LEVEL, KNOWN_ADDRESS_64K, KNOWN_HPD, KNOWN_PAR_SHAREABILITY, KNOWN_COUNT };
extern const char *const known_texts[KNOWN_COUNT];

/* What was asked and compared, by what it was about. */
enum subject {
    SUBJECT_AT_EL1,
    SUBJECT_AT_EL0,
    SUBJECT_AT_PAN,
    SUBJECT_AT_EL2,
    SUBJECT_EXECUTE_EL1,
    SUBJECT_EXECUTE_EL0,
    SUBJECT_EXECUTE_EL2,
    SUBJECT_COUNT
};
extern const char *const subject_texts[SUBJECT_COUNT];

struct tally {
    uint64_t compared[SUBJECT_COUNT];
    uint64_t allowed[SUBJECT_COUNT]; /* of those, how many the walker allows */
    uint64_t status[RIG_WALK_STATUS_COUNT];
    uint64_t known[KNOWN_COUNT];
    uint64_t unsupported; /* probes that the walker does not judge */
    uint64_t elsewhere;   /* probes whose walk reads what the host does not know */
    uint64_t mismatches;
    uint64_t shown; /* how many mismatches may be printed */
};

/*
 * Judge all scenarios of `asked`, the image as it was made, by the answers in `answered`, the
 * guest's RAM after its run. The first mismatches are printed.
 */
void judge_all(const struct image *asked, const struct image *answered, const struct cpu *cpu,
               const struct lie *lie, struct tally *tally);

#endif
