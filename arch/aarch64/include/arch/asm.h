/*
 * Assembler conventions. Every global function is typed and sized, so that debuggers, the rig and
 * the relocation check see where it ends.
 */
#ifndef ARCH_ASM_H
#define ARCH_ASM_H

#ifdef __ASSEMBLER__
/* clang-format off: this is assembler */

#define FUNCTION(name)                                                                             \
    .balign 4;                                                                                     \
    .globl name;                                                                                   \
    .type name, % function;                                                                        \
    name:

#define END_FUNCTION(name) .size name, .- name

/*
 * The address of `symbol` in the half the code runs in now: PC-relative, so physical before the
 * jump and high after it. The only way that assembler code here names an address; a link address
 * is derived from it by boot_high_alias().
 */
.macro load_here register, symbol adrp    \register, \symbol add     \register, \register,
    : lo12 :\symbol
          .endm

          /* A 64-bit constant, without a literal pool. `value` must be an absolute expression. */
          .macro load_constant register,
    value movz    \register,
    #((\value) & 0xffff).if (((\value) >> 16) & 0xffff) != 0 movk    \register,
    #(((\value) >> 16) & 0xffff),
    lsl #16.endif.if (((\value) >> 32) & 0xffff) != 0 movk    \register,
    #(((\value) >> 32) & 0xffff),
    lsl #32.endif.if (((\value) >> 48) & 0xffff) != 0 movk    \register,
    #(((\value) >> 48) & 0xffff),
    lsl #48.endif.endm

#endif
#endif
