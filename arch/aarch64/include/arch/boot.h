/*
 * The boot's shared names: what the assembler parts call and what a debugger reads.
 */
#ifndef ARCH_BOOT_H
#define ARCH_BOOT_H

/* Offsets into struct boot_status, for the assembler. */
#define BOOT_STATUS_ENTRY_EL  0
#define BOOT_STATUS_STEP      4
#define BOOT_STATUS_EMERGENCY 8

/* Why a boot halted where it cannot print: in x0 at the halt, which also has a name of its own. */
#define BOOT_HALT_UNSUPPORTED_EL  1
#define BOOT_HALT_MMU_ALREADY_ON  2
#define BOOT_HALT_E2H_RES1        3
#define BOOT_HALT_EL2_EXCEPTION   4
#define BOOT_HALT_EMERGENCY_STACK 5

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

/* How far the boot came. Part of the debugger's interface: name and layout are stable. */
struct boot_status {
    uint32_t entry_el;  /* 1 or 2: the exception level at _start */
    uint32_t step;      /* last step of SYSTEM.md section 3 that was completed */
    uint32_t emergency; /* 1 once the emergency stack is in use */
};

_Static_assert(offsetof(struct boot_status, entry_el) == BOOT_STATUS_ENTRY_EL, "see start.S");
_Static_assert(offsetof(struct boot_status, step) == BOOT_STATUS_STEP, "see migrate.S");
_Static_assert(offsetof(struct boot_status, emergency) == BOOT_STATUS_EMERGENCY, "see vectors.S");

extern struct boot_status boot_status;

/*
 * The high alias of `resolved`, an address that the code computed PC-relatively: either the low
 * physical address of a place in the image or already its high alias. Anything else panics.
 */
uint64_t boot_high_alias(uint64_t resolved);

/*
 * The board's two maps (bsp). Each builds its tables in frames that the image reserves for it and
 * returns the root's physical address. Called low; the first with the MMU off.
 */
uint64_t board_build_identity_map(void);
uint64_t board_build_high_map(void);
#endif

#endif
