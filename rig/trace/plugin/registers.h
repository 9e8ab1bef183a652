/*
 * Registers of the guest, where QEMU's plugin API tells them (API 2).
 */
#ifndef RIG_PLUGIN_REGISTERS_H
#define RIG_PLUGIN_REGISTERS_H

#include "plugin_base.h"

/* Once for each virtual CPU, in its init callback. */
void registers_find(const struct plugin *plugin, unsigned int vcpu);

/*
 * X<number> of the CPU, in a callback of it that asked for R_REGS; 31 is XZR. False when QEMU does
 * not tell.
 */
bool registers_read(unsigned int vcpu, uint32_t number, uint64_t *value);

/* The PC of the block that runs, and the exception level; the same. */
bool registers_place(unsigned int vcpu, uint64_t *pc, uint8_t *el);

#endif
