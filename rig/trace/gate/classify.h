/*
 * The classes of exception that QEMU's `-d int` log names, and what is known about each of them.
 *
 * A class is told by the name that QEMU prints in brackets, not by the number before it: numbers
 * were added over the releases (25 to 29 came after 7.2), names stay. A name this table does not
 * hold is class OTHER, which no rule can allow by accident.
 */
#ifndef RIG_GATE_CLASSIFY_H
#define RIG_GATE_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_class {
    CLASS_UNDEFINED,
    CLASS_SVC,
    CLASS_INSTRUCTION_ABORT,
    CLASS_DATA_ABORT,
    CLASS_IRQ,
    CLASS_FIQ,
    CLASS_BREAKPOINT,
    CLASS_KERNEL_TRAP,
    CLASS_HVC,
    CLASS_HYP_TRAP,
    CLASS_SMC,
    CLASS_VIRQ,
    CLASS_VFIQ,
    CLASS_SEMIHOSTING,
    CLASS_SERROR,
    CLASS_GRANULE_PROTECTION,
    CLASS_NMI,
    CLASS_VIRQ_NMI,
    CLASS_VFIQ_NMI,
    CLASS_MONITOR_TRAP,
    CLASS_M_PROFILE,
    CLASS_OTHER,
    CLASS_COUNT,
};

_Static_assert(CLASS_COUNT <= 32, "a rule holds its classes in a 32-bit set");

/* The name used in rule packs and reports, such as "DATA_ABORT". */
const char *fault_class_name(enum fault_class class);

/* Look up a pack's class name; false when there is none of that name. */
bool fault_class_from_name(const char *name, enum fault_class *class);

/* The class of the bracketed name that QEMU prints; CLASS_OTHER when it is not known. */
enum fault_class fault_class_of_qemu(const char *name, size_t length);

/* The name QEMU prints for exception `number` today, or NULL: a first guess that spares a search.
 */
const char *fault_class_usual_name(uint64_t number, size_t *length, enum fault_class *class);

/* An asynchronous class: the ESR that QEMU prints with it is left over from an earlier exception,
 * and its ELR is wherever the CPU happened to be. */
bool fault_class_is_interrupt(enum fault_class class);

/* SVC, HVC, SMC: ELR is the address after the instruction (DDI 0487, D1 "preferred return"). */
bool fault_class_is_call(enum fault_class class);

/* The classes for which QEMU prints FAR. */
bool fault_class_has_far(enum fault_class class);

#endif
