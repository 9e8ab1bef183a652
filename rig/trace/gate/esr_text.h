/*
 * An exception syndrome (ESR_ELx) in words, after DDI 0487 "ESR_EL1" and its ISS encodings.
 *
 * Texts of classes and fault status codes come from the architecture table (sysregs.yaml).
 */
#ifndef RIG_GATE_ESR_TEXT_H
#define RIG_GATE_ESR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ESR_TEXT = 256 };

/* Decode into `out`; returns it. Codes that the table does not hold are shown as numbers. */
const char *esr_text(uint64_t esr, char out[static ESR_TEXT]);

/* The exception class field. */
unsigned esr_ec(uint64_t esr);

/* The fault status code of an abort; false when the syndrome is of no abort. */
bool esr_fault_status(uint64_t esr, unsigned *status);

/* An abort whose FAR is not valid (FnV). */
bool esr_far_not_valid(uint64_t esr);

#endif
