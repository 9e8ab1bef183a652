/*
 * An address space in memory, built descriptor by descriptor, and judged: for the tests of the
 * rules. It begins as a sound kernel's map (space_begin) to which a test does one thing.
 *
 * RAM is at 0x40000000 (128 MiB), ROM at 0 (64 MiB), devices at 0x08000000 (48 MiB and a bit).
 */
#ifndef TYRNE_TEST_SPACE_BUILD_H
#define TYRNE_TEST_SPACE_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "audit_report.h"
#include "sysregs.h"

#define RAM_PA    UINT64_C(0x40000000)
#define RAM_SIZE  UINT64_C(0x08000000)
#define ROM_PA    UINT64_C(0)
#define DEVICE_PA UINT64_C(0x09000000)
#define TABLES_PA UINT64_C(0x47f00000) /* where the builder takes tables from */

/* Attribute indexes of the builder's MAIR. */
enum { INDEX_NORMAL, INDEX_DEVICE, INDEX_NC, INDEX_WT, INDEX_RESERVED, INDEX_DEVICE_NGNRE };

/* Leaf bits, but for the output address and the type. */
#define LEAF(index) (((uint64_t)(index) << DESC_LEAF_ATTRINDX_SHIFT) | DESC_LEAF_AF_BIT)
#define NORMAL      (LEAF(INDEX_NORMAL) | DESC_LEAF_SH_INNER)
#define NO_EXEC     (DESC_LEAF_PXN_BIT | DESC_LEAF_UXN_BIT)
#define KERNEL_TEXT (NORMAL | DESC_LEAF_AP_EL1_RO | DESC_LEAF_UXN_BIT)
#define KERNEL_RO   (NORMAL | DESC_LEAF_AP_EL1_RO | NO_EXEC)
#define KERNEL_DATA (NORMAL | NO_EXEC)
#define USER_TEXT   (NORMAL | DESC_LEAF_AP_ALL_RO | DESC_LEAF_PXN_BIT | DESC_LEAF_NG_BIT)
#define USER_DATA   (NORMAL | DESC_LEAF_AP_ALL_RW | NO_EXEC | DESC_LEAF_NG_BIT)
#define USER_RO     (NORMAL | DESC_LEAF_AP_ALL_RO | NO_EXEC | DESC_LEAF_NG_BIT)
#define DEVICE      (LEAF(INDEX_DEVICE) | NO_EXEC)
/* The same for EL2, where AP[1] is RES1 and there is one XN bit. */
#define EL2_TEXT (NORMAL | DESC_LEAF_AP_ALL_RO)
#define EL2_DATA (NORMAL | DESC_LEAF_AP_ALL_RW | DESC_LEAF_UXN_BIT)

struct space {
    struct audit_case item;
    struct audit_spec spec;
    unsigned granule_bits;
    uint64_t next_table;
    bool judged;
};

/* An empty space: 39-bit halves (4 KiB; 36 and 42 bits with 16 and 64 KiB), MMU and caches on. */
void space_begin(struct space *space, unsigned granule_bits);
/* The same for the EL2 regime. */
void space_begin_el2(struct space *space);
void space_end(struct space *space);

/* The first address of the upper half. */
uint64_t space_upper(const struct space *space);
unsigned space_shift(const struct space *space, unsigned level);

/* Where the descriptor of va at that level is, made with tables as needed. */
uint64_t *space_entry(struct space *space, uint64_t va, unsigned level);
/* Map pages (level 3) or blocks from va on. */
void space_map(struct space *space, uint64_t va, uint64_t pa, unsigned level, uint64_t count,
               uint64_t bits);
/* The physical address of the table that holds the descriptor of va at that level. */
uint64_t space_table(struct space *space, uint64_t va, unsigned level);

/* A sound kernel: text, rodata and data in the upper half, the linear map of RAM with text and
 * rodata read-only, a UART, and a program's text and data in the lower half. */
#define KERNEL_VA(space) (space_upper(space) + UINT64_C(0x40000000))
#define LINEAR_VA(space) (space_upper(space) + UINT64_C(0x80000000))
#define KERNEL_PA        (RAM_PA + UINT64_C(0x200000))
#define USER_TEXT_VA     UINT64_C(0x00400000)
#define USER_DATA_VA     UINT64_C(0x00600000)
#define USER_TEXT_PA     (RAM_PA + UINT64_C(0x400000))
#define USER_DATA_PA     (RAM_PA + UINT64_C(0x600000))
#define DEVICE_VA(space) (space_upper(space) + UINT64_C(0xc0000000))
void space_sound(struct space *space);

/* Judge by all rules, or by those of one id. */
void space_judge(struct space *space, const char *rule);

/* How many findings of the rule there are at that level; -1 for the level: at any. */
uint64_t space_findings(const struct space *space, const char *rule, int level);
/* The finding of the rule at va; NULL: there is none. */
const struct audit_finding *space_finding(const struct space *space, const char *rule, uint64_t va);
/* Assert: a finding of that rule and level at va, and its words contain `words`. */
void space_expect(const struct space *space, const char *rule, enum audit_level level, uint64_t va,
                  const char *words);
/* Assert: the rule judged, had subjects, and found nothing. */
void space_expect_clean(const struct space *space, const char *rule);

#endif
