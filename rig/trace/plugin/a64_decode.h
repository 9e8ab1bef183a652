/*
 * As much of the A64 encoding as the plugins need: which instruction is a conditional branch and
 * where to, which may raise an exception once QEMU has translated it, and which writes SCTLR.
 *
 * DDI 0487, C4.1 "A64 instruction set encoding".
 */
#ifndef RIG_PLUGIN_A64_DECODE_H
#define RIG_PLUGIN_A64_DECODE_H

#include <stdbool.h>
#include <stdint.h>

/* The signed field of `width` bits at `low`, in bytes (times 4). */
static inline int64_t a64_offset(uint32_t opcode, unsigned int low, unsigned int width)
{
    uint32_t field = opcode >> low & ((1U << width) - 1);
    int64_t sign = (int64_t)1 << (width - 1);
    return (((int64_t)field ^ sign) - sign) * 4;
}

/*
 * B.cond, BC.cond, CBZ, CBNZ, TBZ, TBNZ: `*offset` is the target's distance in bytes. The
 * conditions AL and NV are not conditional.
 */
static inline bool a64_conditional_branch(uint32_t opcode, int64_t *offset)
{
    if ((opcode & 0xff000000) == 0x54000000 && (opcode & 0xf) < 0xe) {
        *offset = a64_offset(opcode, 5, 19);
        return true;
    }
    if ((opcode & 0x7e000000) == 0x34000000) {
        *offset = a64_offset(opcode, 5, 19);
        return true;
    }
    if ((opcode & 0x7e000000) == 0x36000000) {
        *offset = a64_offset(opcode, 5, 14);
        return true;
    }
    return false;
}

/* Hints and barriers that no control can trap; those with pointer authentication can be. */
static inline bool a64_harmless_system(uint32_t opcode)
{
    uint32_t crm = opcode >> 8 & 0xf;
    bool hint = (opcode & 0xfffff01f) == 0xd503201f;
    bool barrier = (opcode & 0xfffff01f) == 0xd503301f;
    return barrier || (hint && crm != 1 && crm != 3);
}

/* PACIA, AUTIA and their kin on registers: trapped, or faulting with FEAT_FPAC. */
static inline bool a64_authenticates(uint32_t opcode)
{
    return (opcode & 0xffff0000) == 0xdac10000 || (opcode & 0xffe0fc00) == 0x9ac03000;
}

/* Loads, stores and atomics, those of SVE and SME too; true where in doubt. */
static inline bool a64_accesses_memory(uint32_t opcode)
{
    uint32_t group = opcode >> 25 & 0xf;
    return (group & 0x5) == 0x4 || group == 0x0 || group == 0x2;
}

/*
 * May it raise a synchronous exception after its translation succeeded? What always raises one, and
 * branches, end a block anyway. True where in doubt.
 */
static inline bool a64_may_fault(uint32_t opcode)
{
    uint32_t group = opcode >> 25 & 0xf;
    bool floating = (group & 0x7) == 0x7;
    bool system = (opcode & 0xffc00000) == 0xd5000000;
    return a64_accesses_memory(opcode) || floating || (system && !a64_harmless_system(opcode)) ||
           a64_authenticates(opcode);
}

/* MSR SCTLR_ELx: x, with SCTLR_EL12 as 1; 0 for every other instruction. */
static inline uint32_t a64_writes_sctlr(uint32_t opcode)
{
    switch (opcode & 0xffffffe0) {
    case 0xd5181000:
    case 0xd51d1000:
        return 1;
    case 0xd51c1000:
        return 2;
    case 0xd51e1000:
        return 3;
    default:
        return 0;
    }
}

/* WFI, WFE, and those with a time limit: the CPU may stay there for ever. */
static inline bool a64_waits(uint32_t opcode)
{
    return (opcode & ~0x20U) == 0xd503205fU || (opcode & ~0x3fU) == 0xd5031000U;
}

#endif
