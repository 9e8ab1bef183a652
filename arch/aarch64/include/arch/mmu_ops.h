/*
 * The transitions of the user half's translation, each with its barriers. C code reaches the
 * registers and the TLB through these only. EL1, high half, DAIF masked. ASID 0, one CPU: what is
 * invalidated and waited for is this CPU's.
 *
 * "Walker" is the CPU's table walker, an observer of its own (DDI 0487, "Translation table walk
 * properties"); a DSB that covers stores makes completed descriptor writes visible to it.
 */
#ifndef ARCH_MMU_OPS_H
#define ARCH_MMU_OPS_H

#include <stdint.h>
#include <sysregs.h>

/* TLBI VAE1: VA[55:12] in bits 43:0, ASID 0 in 63:48 (DDI 0487, TLBI VAE1). */
#define TLBI_VA_SHIFT 12U
#define TLBI_VA_MASK  ((1ULL << 44U) - 1U)

/* The walker sees the stores before this one before those after it. */
static inline void mmu_order_writes(void)
{
    __asm__ volatile("dmb ishst" ::: "memory"); /* for: the walker, which reads both */
}

/* Descriptors written so far hold for whatever comes next. */
static inline void mmu_publish(void)
{
    __asm__ volatile("dsb ishst\n\t" /* for: the walker */
                     "isb"           /* for: instructions that were fetched already */
                     ::
                         : "memory");
}

/* Descriptors written so far are seen; the TLB holds nothing of the page at `va` or walks to it. */
static inline void mmu_flush_user_va(uint64_t va)
{
    __asm__ volatile("dsb ishst\n\t"     /* for: the walker, before what it cached goes */
                     "tlbi vae1, %0\n\t" /* all levels: tables may have been unlinked */
                     "dsb nsh\n\t"       /* for: the ISB, after the invalidation */
                     "isb"               /* for: accesses that were translated already */
                     :
                     : "r"(va >> TLBI_VA_SHIFT & TLBI_VA_MASK)
                     : "memory");
}

/* The same for all user addresses. The kernel's translations are global: TLBI ASIDE1 keeps them. */
static inline void mmu_flush_user(void)
{
    __asm__ volatile("dsb ishst\n\t"        /* for: the walker, before what it cached goes */
                     "tlbi aside1, xzr\n\t" /* ASID 0 */
                     "dsb nsh\n\t"          /* for: the ISB, after the invalidation */
                     "isb"                  /* for: accesses that were translated already */
                     ::
                         : "memory");
}

/*
 * Both transitions below begin with EPD0 = 1, so that no walk starts from a root that goes away.
 * TCR_EL1 was written whole at boot (boot/migrate.S). It is read back here rather than kept in a
 * variable, so that the write provably changes one bit of what the CPU uses, and no stray store can
 * get into TCR_EL1.
 */

/* Make the table at `root_pa` the root of the user half and let walks start (SYSTEM.md section 6).
 */
static inline void mmu_install_user_root(uint64_t root_pa)
{
    uint64_t tcr;

    __asm__ volatile("mrs  %0, tcr_el1\n\t"
                     "orr  %0, %0, %2\n\t"
                     "msr  tcr_el1, %0\n\t"
                     "isb\n\t"          /* for: walks; none starts from here on */
                     "tlbi vmalle1\n\t" /* the last space, and walks cached on the way */
                     "dsb  nsh\n\t"     /* for: the ISB, after the invalidation; and the walker,
                                         * which is to see the new tables */
                     "msr  ttbr0_el1, %1\n\t"
                     "isb\n\t" /* for: walks; the root comes before the permission */
                     "bic  %0, %0, %2\n\t"
                     "msr  tcr_el1, %0\n\t"
                     "isb" /* for: accesses from here on */
                     : "=&r"(tcr)
                     : "r"(root_pa), "i"(TCR_EL1_EPD0_BIT)
                     : "memory");
}

/* No walk of the user half, no root, nothing of it in the TLB. */
static inline void mmu_close_user_half(void)
{
    uint64_t tcr;

    __asm__ volatile("mrs  %0, tcr_el1\n\t"
                     "orr  %0, %0, %1\n\t"
                     "msr  tcr_el1, %0\n\t"
                     "isb\n\t" /* for: walks; none starts from here on */
                     "msr  ttbr0_el1, xzr\n\t"
                     "tlbi vmalle1\n\t"
                     "dsb  nsh\n\t" /* for: the ISB, after the invalidation */
                     "isb"          /* for: accesses from here on: they fault */
                     : "=&r"(tcr)
                     : "i"(TCR_EL1_EPD0_BIT)
                     : "memory");
}

#endif
