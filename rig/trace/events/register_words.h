/*
 * System registers in words: their names and what a value of the ones that control translation,
 * exceptions and traps says. Positions come from the architecture table (sysregs.yaml).
 */
#ifndef RIG_EVENTS_REGISTER_WORDS_H
#define RIG_EVENTS_REGISTER_WORDS_H

#include <stdint.h>

enum { REGISTER_NAME = 24, REGISTER_WORDS = 512 };

/* "TTBR0_EL1", or "S3_0_C1_C0_0" for one that is not in enum a64_register. Returns `out`. */
const char *register_name(uint32_t sys, char out[static REGISTER_NAME]);

/* The value in words, "" for a register that has none. Returns `out`. */
const char *register_words(uint32_t sys, uint64_t value, char out[static REGISTER_WORDS]);

/* Vector at an offset from VBAR: "synchronous from EL0 (AArch64)" and its kin. */
const char *vector_words(uint32_t offset);

#endif
