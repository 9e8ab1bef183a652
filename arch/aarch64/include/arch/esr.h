/* Exception syndromes in words (DDI 0487, ESR_EL1). */
#ifndef ARCH_ESR_H
#define ARCH_ESR_H

#include <stdbool.h>
#include <stdint.h>

/* Words for an exception class, "reserved exception class" if the architecture has none. */
const char *esr_class_text(uint64_t esr);

/* Words for the fault status of an abort, "reserved fault status" if there are none. */
const char *esr_fault_status_text(uint64_t esr);

/* True if `esr` is an instruction or data abort, whose ISS holds a fault status. */
bool esr_is_abort(uint64_t esr);

/* True if FAR_EL1 holds an address for `esr` (aborts with FnV = 0, PC alignment, watchpoints). */
bool esr_has_far(uint64_t esr);

/* Print `esr` decoded, and `far` where it means something: two lines. */
void esr_print(uint64_t esr, uint64_t far);

#endif
