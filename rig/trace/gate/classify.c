#include "classify.h"

#include <string.h>

struct class_entry {
    const char *name;
    const char *qemu;
    enum fault_class class;
    uint8_t number;
};

/* Names as target/arm prints them, 7.2 to 10. A row with no pack name of its own shares a class. */
static const struct class_entry CLASSES[] = {
    {"UNDEFINED", "Undefined Instruction", CLASS_UNDEFINED, 1},
    {"SVC", "SVC", CLASS_SVC, 2},
    {"INSTRUCTION_ABORT", "Prefetch Abort", CLASS_INSTRUCTION_ABORT, 3},
    {"DATA_ABORT", "Data Abort", CLASS_DATA_ABORT, 4},
    {"IRQ", "IRQ", CLASS_IRQ, 5},
    {"FIQ", "FIQ", CLASS_FIQ, 6},
    {"BREAKPOINT", "Breakpoint", CLASS_BREAKPOINT, 7},
    {"KERNEL_TRAP", "QEMU intercept of kernel commpage", CLASS_KERNEL_TRAP, 9},
    {"HVC", "Hypervisor Call", CLASS_HVC, 11},
    {"HYP_TRAP", "Hypervisor Trap", CLASS_HYP_TRAP, 12},
    {"SMC", "Secure Monitor Call", CLASS_SMC, 13},
    {"VIRQ", "Virtual IRQ", CLASS_VIRQ, 14},
    {"VFIQ", "Virtual FIQ", CLASS_VFIQ, 15},
    {"SEMIHOSTING", "Semihosting call", CLASS_SEMIHOSTING, 16},
    {"SERROR", "Virtual SERR", CLASS_SERROR, 24},
    {"GRANULE_PROTECTION", "Granule Protection Check", CLASS_GRANULE_PROTECTION, 25},
    {"NMI", "NMI", CLASS_NMI, 26},
    {"VIRQ_NMI", "Virtual IRQ NMI", CLASS_VIRQ_NMI, 27},
    {"VFIQ_NMI", "Virtual FIQ NMI", CLASS_VFIQ_NMI, 28},
    {"MONITOR_TRAP", "Monitor Trap", CLASS_MONITOR_TRAP, 29},
    {"M_PROFILE", "QEMU v7M exception exit", CLASS_M_PROFILE, 8},
    {"M_PROFILE", "v7M NOCP UsageFault", CLASS_M_PROFILE, 17},
    {"M_PROFILE", "v7M INVSTATE UsageFault", CLASS_M_PROFILE, 18},
    {"M_PROFILE", "v8M STKOF UsageFault", CLASS_M_PROFILE, 19},
    {"M_PROFILE", "v7M exception during lazy FP stacking", CLASS_M_PROFILE, 20},
    {"M_PROFILE", "v8M LSERR UsageFault", CLASS_M_PROFILE, 21},
    {"M_PROFILE", "v7M UNALIGNED UsageFault", CLASS_M_PROFILE, 22},
    {"M_PROFILE", "v7M DIVBYZERO UsageFault", CLASS_M_PROFILE, 23},
    {"OTHER", "unknown", CLASS_OTHER, 0},
};

enum { CLASS_ROWS = sizeof(CLASSES) / sizeof(CLASSES[0]) };

const char *fault_class_name(enum fault_class class)
{
    for (size_t i = 0; i < CLASS_ROWS; i++) {
        if (CLASSES[i].class == class) {
            return CLASSES[i].name;
        }
    }
    return "OTHER";
}

bool fault_class_from_name(const char *name, enum fault_class *class)
{
    for (size_t i = 0; i < CLASS_ROWS; i++) {
        if (strcmp(CLASSES[i].name, name) == 0) {
            *class = CLASSES[i].class;
            return true;
        }
    }
    return false;
}

enum fault_class fault_class_of_qemu(const char *name, size_t length)
{
    for (size_t i = 0; i < CLASS_ROWS; i++) {
        if (strlen(CLASSES[i].qemu) == length && memcmp(CLASSES[i].qemu, name, length) == 0) {
            return CLASSES[i].class;
        }
    }
    return CLASS_OTHER;
}

const char *fault_class_usual_name(uint64_t number, size_t *length, enum fault_class *class)
{
    /* Frequent numbers come first in the table in their own order, so the row is nearly known. */
    for (size_t i = number > 0 && number <= 7 ? (size_t)number - 1 : 0; i < CLASS_ROWS; i++) {
        if (CLASSES[i].number == number) {
            *length = strlen(CLASSES[i].qemu);
            *class = CLASSES[i].class;
            return CLASSES[i].qemu;
        }
    }
    return NULL;
}

bool fault_class_is_interrupt(enum fault_class class)
{
    switch (class) {
    case CLASS_IRQ:
    case CLASS_FIQ:
    case CLASS_VIRQ:
    case CLASS_VFIQ:
    case CLASS_NMI:
    case CLASS_VIRQ_NMI:
    case CLASS_VFIQ_NMI:
        return true;
    default:
        return false;
    }
}

bool fault_class_is_call(enum fault_class class)
{
    return class == CLASS_SVC || class == CLASS_HVC || class == CLASS_SMC;
}

bool fault_class_has_far(enum fault_class class)
{
    return class == CLASS_DATA_ABORT || class == CLASS_INSTRUCTION_ABORT ||
           class == CLASS_GRANULE_PROTECTION;
}
