/*
 * A small fake physical memory for the walker's tests, and register values to start from.
 * Descriptor and register bits are literals here and in the tests, on purpose: they check the
 * walker's use of the generated constants against DDI 0487 a second time.
 */
#ifndef WALK_FAKE_H
#define WALK_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rigwalk.h"

#define FAKE_BASE UINT64_C(0x40000000)
#define FAKE_SIZE UINT64_C(0x800000)

/* Low descriptor bits. */
#define D_TABLE          UINT64_C(0x3)
#define D_PAGE           UINT64_C(0x403) /* AF, page */
#define D_BLOCK          UINT64_C(0x401) /* AF, block */
#define D_AF             (UINT64_C(1) << 10)

#define UPPER_ONES(bits) (~UINT64_C(0) << (bits))

struct fake {
    uint64_t *words;
    uint64_t next_table;
    uint64_t reads;
    uint64_t fail_pa; /* reading here gives fail_outcome; 0: nowhere */
    int fail_outcome;
};

int fake_setup(void **state);
int fake_teardown(void **state);

int fake_read(void *ctx, uint64_t pa, uint64_t *value);
void fake_write(struct fake *fake, uint64_t pa, uint64_t value);
/* A zeroed table of size bytes, aligned to it. */
uint64_t fake_table(struct fake *fake, uint64_t size);

/* MMU and caches on, both halves with that granule and size, 48-bit PAs, all granules, TTST. */
struct rig_walk_regs fake_regs(unsigned granule_bits, unsigned txsz);

/* As fake_regs, for the EL2 regime. */
struct rig_walk_regs fake_el2_regs(unsigned granule_bits, unsigned t0sz);

/* A walk that must be consistent in itself; returns its result. */
struct rig_walk_result fake_walk(struct fake *fake, const struct rig_walk_regs *regs, uint64_t va);

/* The two rights as "rwx" texts, for comparisons that read well. */
void rights_text(const struct rig_walk_attributes *attr, char el1[4], char el0[4]);

#endif
