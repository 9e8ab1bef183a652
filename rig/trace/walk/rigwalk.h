/*
 * The rig's translation-table walker: VMSAv8-64 stage 1, EL1&0 and EL2 regimes (DDI 0487, chapter
 * D8).
 *
 * Given the translation registers of one moment and a way to read physical memory, it answers what
 * a virtual address means there: the output address, the rights of EL1 and EL0 (or of EL2), the
 * memory type, or the fault. Granules of 4, 16 and 64 KiB. Every call is bounded, whatever the
 * tables hold.
 *
 * Out of scope: stage 2 and HCR_EL2 (E2H, TGE, DC), Secure state, FEAT_D128, indirect permissions
 * (FEAT_S1PIE), TBID (execute rights are those of the untagged address). 52-bit addresses
 * (TCR_EL1.DS, or 64 KiB granule with a 52-bit size) give RIG_WALK_UNSUPPORTED, never a guess.
 *
 * Addresses are bytes; ranges are inclusive at both ends (first, last), so that the end of the
 * 64-bit space can be written.
 */
#ifndef RIG_WALK_H
#define RIG_WALK_H

#include <stddef.h>
#include <stdint.h>

#define RIG_WALK_API __attribute__((visibility("default")))

/* Raised when a structure or the meaning of a number below changes. */
#define RIG_WALK_ABI        2
#define RIG_WALK_MAX_STEPS  4
#define RIG_WALK_TABLES_MAX 65536
/* Descriptor reads that a range or its entries may take when the caller names no limit. */
#define RIG_WALK_RANGE_READS_DEFAULT (UINT64_C(1) << 26)

/*
 * EL2 is the regime of EL2 with HCR_EL2.E2H = 0: one range of addresses, that begins at 0, one
 * privilege level, and one execute-never bit (DDI 0487 D8.1, "Translation regimes").
 */
enum rig_walk_regime { RIG_WALK_REGIME_EL1_0 = 0, RIG_WALK_REGIME_EL2 = 1 };

/*
 * Register values at one moment: of SCTLR_EL1, TCR_EL1, ... in the EL1&0 regime, of SCTLR_EL2,
 * TCR_EL2, TTBR0_EL2 and MAIR_EL2 in the EL2 regime, which has no ttbr1. An ID register given as 0
 * means "feature not implemented" (and 32-bit physical addresses for id_aa64mmfr0). pstate has the
 * layout of SPSR; only PAN is used, and only in the EL1&0 regime.
 */
struct rig_walk_regs {
    uint64_t sctlr;
    uint64_t tcr;
    uint64_t ttbr0;
    uint64_t ttbr1;
    uint64_t mair;
    uint64_t id_aa64mmfr0;
    uint64_t id_aa64mmfr1;
    uint64_t id_aa64mmfr2;
    uint64_t pstate;
    uint64_t regime; /* enum rig_walk_regime */
};

/*
 * Read 8 bytes of physical memory as a little-endian number; pa is 8-byte aligned.
 * Returns 0 when read, > 0 when nothing readable is there, < 0 to stop the whole call.
 */
typedef int (*rig_walk_read_u64)(void *ctx, uint64_t pa, uint64_t *value);

enum rig_walk_status {
    RIG_WALK_OK = 0,
    RIG_WALK_FAULT_TRANSLATION = 1,
    RIG_WALK_FAULT_ACCESS_FLAG = 2,
    RIG_WALK_FAULT_ADDRESS_SIZE = 3,
    RIG_WALK_FAULT_WALK_DISABLED = 4, /* TCR_EL1.EPDn = 1 (a level 0 translation fault) */
    RIG_WALK_FAULT_HOLE = 5,          /* in neither half (a level 0 translation fault) */
    RIG_WALK_READ_FAILED = 6,         /* a descriptor could not be read */
    RIG_WALK_UNSUPPORTED = 7,
    RIG_WALK_STOPPED = 8, /* the reader or the visitor asked to stop */
    RIG_WALK_LIMIT = 9,   /* more reads or tables than allowed, or out of memory */
    RIG_WALK_STATUS_COUNT
};

enum rig_walk_reason {
    RIG_WALK_REASON_NONE = 0,
    RIG_WALK_REASON_INVALID = 1,        /* descriptor bit 0 is 0 */
    RIG_WALK_REASON_RESERVED = 2,       /* level 3 without bit 1, or no block at this level */
    RIG_WALK_REASON_TXSZ = 3,           /* TCR_EL1.TnSZ out of range */
    RIG_WALK_REASON_TTBR_ADDRESS = 4,   /* TTBRn_EL1.BADDR above the output size */
    RIG_WALK_REASON_TABLE_ADDRESS = 5,  /* next-level table above the output size */
    RIG_WALK_REASON_OUTPUT_ADDRESS = 6, /* leaf above the output size */
    RIG_WALK_REASON_FLAT_ADDRESS = 7,   /* MMU off: address above PARange */
    RIG_WALK_REASON_TCR_DS = 8,
    RIG_WALK_REASON_GRANULE = 9, /* reserved TGn, or ID_AA64MMFR0_EL1 says not implemented */
    RIG_WALK_REASON_OA52 = 10,
    RIG_WALK_REASON_VA52 = 11
};

enum rig_walk_memory {
    RIG_WALK_DEVICE_NGNRNE = 0,
    RIG_WALK_DEVICE_NGNRE = 1,
    RIG_WALK_DEVICE_NGRE = 2,
    RIG_WALK_DEVICE_GRE = 3,
    RIG_WALK_NORMAL = 4,
    RIG_WALK_MEMORY_RESERVED = 5 /* MAIR_EL1 encoding that is UNPREDICTABLE */
};

/*
 * What a leaf grants and says. Bytes only, so that two of them compare with memcmp. In the EL2
 * regime the members el1_* are EL2's rights and those of EL0 are 0, as are pan_blocks_el1 and ng.
 */
struct rig_walk_attributes {
    uint8_t el1_read; /* effective rights: AP, APTable, XN, XNTable, WXN, DBM, E0PD; not PAN */
    uint8_t el1_write;
    uint8_t el1_exec;
    uint8_t el0_read;
    uint8_t el0_write;
    uint8_t el0_exec;
    uint8_t pan_blocks_el1; /* PSTATE.PAN = 1 and EL0 may access the data here */
    uint8_t attr_index;
    uint8_t mair_attr;    /* MAIR_EL1.Attr<attr_index> */
    uint8_t memory;       /* enum rig_walk_memory */
    uint8_t sh;           /* the descriptor's SH field */
    uint8_t shareability; /* SH as it takes effect: outer for Device and Non-cacheable */
    uint8_t ng;
    uint8_t contiguous;
    uint8_t af;
    uint8_t guarded;        /* GP, FEAT_BTI */
    uint8_t dbm;            /* the descriptor's DBM bit */
    uint8_t flat;           /* MMU off: VA = PA, fetches are Normal memory */
    uint8_t data_cache_off; /* SCTLR_EL1.C = 0: Normal data is Non-cacheable */
    uint8_t reserved;
};

struct rig_walk_step {
    uint64_t descriptor_pa;
    uint64_t descriptor;
    uint8_t level;
    uint8_t read; /* 0 when the read failed: descriptor is then 0 */
    uint8_t reserved[6];
};

struct rig_walk_result {
    uint64_t va;
    uint64_t pa;   /* of va itself; with has_pa */
    uint64_t size; /* bytes of the page or block, or of what the faulting entry covers; or 0 */
    struct rig_walk_step steps[RIG_WALK_MAX_STEPS];
    struct rig_walk_attributes attr; /* rights are all 0 unless status is RIG_WALK_OK */
    uint8_t status;                  /* enum rig_walk_status */
    uint8_t reason;                  /* enum rig_walk_reason */
    uint8_t level;                   /* of the leaf or the fault, 0..3 */
    uint8_t has_pa;                  /* 1 for RIG_WALK_OK and RIG_WALK_FAULT_ACCESS_FLAG */
    uint8_t upper;                   /* 1 when VA[55] selects TTBR1_EL1; 0 in the EL2 regime */
    uint8_t step_count;
    uint8_t txsz;   /* TCR_EL1.TnSZ of that half */
    uint8_t regime; /* enum rig_walk_regime */
    uint8_t reserved[4];
};

/* Neighbours with equal status, reason, attributes and, where they have one, linear PA. */
struct rig_walk_run {
    uint64_t first_va;
    uint64_t last_va;
    uint64_t pa;            /* of first_va; with has_pa */
    uint64_t smallest_leaf; /* bytes; 0 when the run has no leaves */
    uint64_t largest_leaf;
    struct rig_walk_attributes attr;
    uint8_t status;
    uint8_t reason;
    uint8_t has_pa;
    uint8_t level_min;
    uint8_t level_max;
    uint8_t reserved[7];
};

struct rig_walk_table {
    uint64_t pa;
    uint64_t size; /* bytes: a granule, or less for a root */
    uint8_t level;
    uint8_t upper;
    uint8_t reserved[6];
};

enum rig_walk_entry_kind {
    RIG_WALK_ENTRY_TABLE = 0,
    RIG_WALK_ENTRY_LEAF = 1,
    RIG_WALK_ENTRY_RESERVED = 2 /* valid bit set, but no such descriptor at this level */
};

/*
 * One descriptor on one path that leads to it. result is that of the entry's first VA: steps[] is
 * the path and its last one the entry itself, level and size are the entry's. A table has has_pa =
 * 1 and pa is that of the next table (0 when it does not fit); its attributes are 0.
 */
struct rig_walk_entry {
    struct rig_walk_result result;
    uint64_t last_va;
    uint8_t kind; /* enum rig_walk_entry_kind */
    uint8_t start_level;
    uint8_t granule_bits;
    uint8_t input_bits;
    uint8_t reserved[4];
};

/*
 * What the control registers say about one half of the address space, whether or not the MMU is on.
 * first_va..last_va is what a walk may translate, without the tags of TBI; when the geometry is not
 * known (status is not OK and input_bits is 0) it is all that VA[55] selects. The EL2 regime has no
 * upper half: its first_va is above its last_va, and everything else but walk_disabled is 0.
 */
struct rig_walk_half {
    uint64_t first_va;
    uint64_t last_va;
    uint64_t root_pa;
    uint64_t root_size; /* bytes */
    uint8_t walk_disabled;
    uint8_t start_level;
    uint8_t granule_bits; /* 0: reserved TGn */
    uint8_t input_bits;
    uint8_t output_bits;
    uint8_t status; /* RIG_WALK_OK when the root can be used; else with reason what is wrong */
    uint8_t reason;
    uint8_t tbi;
};

/* All return 0 to go on, anything else to stop the call (it then returns RIG_WALK_STOPPED). */
typedef int (*rig_walk_visit_run)(void *user, const struct rig_walk_run *run);
typedef int (*rig_walk_visit_table)(void *user, const struct rig_walk_table *table);
typedef int (*rig_walk_visit_entry)(void *user, const struct rig_walk_entry *entry);

/* RIG_WALK_ABI of the library, and its structure sizes, for bindings to check theirs against. */
RIG_WALK_API unsigned rig_walk_abi(void);
RIG_WALK_API size_t rig_walk_result_size(void);
RIG_WALK_API size_t rig_walk_run_size(void);
RIG_WALK_API size_t rig_walk_entry_size(void);

/* Translate one address. Returns result->status; the result is always filled in whole. */
RIG_WALK_API enum rig_walk_status rig_walk(const struct rig_walk_regs *regs, rig_walk_read_u64 read,
                                           void *ctx, uint64_t va, struct rig_walk_result *result);

/*
 * Visit what lies in [first_va, last_va] as maximal runs, mapped and unmapped, in ascending order
 * and without gaps. Each descriptor is read once; at most max_reads of them (0: the default).
 * With TBI a half repeats once for each tag: ask for the untagged range to see it once.
 * Returns RIG_WALK_OK, RIG_WALK_STOPPED, or RIG_WALK_LIMIT (the runs so far have been visited).
 * first_va > last_va visits nothing and returns RIG_WALK_OK.
 */
RIG_WALK_API enum rig_walk_status rig_walk_range(const struct rig_walk_regs *regs,
                                                 rig_walk_read_u64 read, void *ctx,
                                                 uint64_t first_va, uint64_t last_va,
                                                 rig_walk_visit_run visit, void *user,
                                                 uint64_t max_reads);

/*
 * Visit every valid descriptor (bit 0 set) that a walk in [first_va, last_va] can meet, on each
 * path that leads to it, in ascending order of VA, a table before what is below it. A table whose
 * address does not fit has status ADDRESS_SIZE; one whose frame cannot be read is told once, with
 * status READ_FAILED. Where a frame becomes unreadable further on, or a root cannot be read, the
 * entry is of kind TABLE, too, and its last step is the descriptor that was not read; the rest of
 * that frame is left out. Halves with walks disabled, an unusable root or the MMU off have no
 * entries. At most max_reads descriptors are read (0: the default). With TBI a half repeats once
 * for each tag. Returns as rig_walk_range does.
 */
RIG_WALK_API enum rig_walk_status rig_walk_entries(const struct rig_walk_regs *regs,
                                                   rig_walk_read_u64 read, void *ctx,
                                                   uint64_t first_va, uint64_t last_va,
                                                   rig_walk_visit_entry visit, void *user,
                                                   uint64_t max_reads);

/* The geometry of a half. */
RIG_WALK_API void rig_walk_half(const struct rig_walk_regs *regs, int upper,
                                struct rig_walk_half *half);

/*
 * Visit every table reachable from TTBR0_EL1 and TTBR1_EL1 (or TTBR0_EL2), each (address, level,
 * half) once. Halves whose walks are disabled, and all with the MMU off, only with include_disabled
 * != 0. Returns RIG_WALK_OK, STOPPED, LIMIT (more than RIG_WALK_TABLES_MAX), READ_FAILED (the rest
 * has been visited), or UNSUPPORTED / a fault status when a root itself cannot be used.
 */
RIG_WALK_API enum rig_walk_status rig_walk_tables(const struct rig_walk_regs *regs,
                                                  rig_walk_read_u64 read, void *ctx,
                                                  int include_disabled, rig_walk_visit_table visit,
                                                  void *user);

/*
 * The three text functions write a NUL-terminated text of at most size - 1 characters and return
 * the length the whole text has, as snprintf does.
 */
RIG_WALK_API size_t rig_walk_describe(const struct rig_walk_result *result, char *buffer,
                                      size_t size);
RIG_WALK_API size_t rig_walk_memory_text(uint8_t mair_attr, char *buffer, size_t size);
RIG_WALK_API size_t rig_walk_shareability_text(uint8_t sh, char *buffer, size_t size);
/* "ok", "translation fault", ...; "unknown status" for a number that is none. */
RIG_WALK_API const char *rig_walk_status_text(unsigned status);

#endif
