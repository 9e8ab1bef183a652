#include <arch/esr.h>

#include <stddef.h>
#include <sysregs.h>
#include <sysregs_names.h>
#include <tyrne/print.h>

#define EC(esr)             ((esr)&ESR_EL1_EC_MASK)
#define EC_WATCHPOINT_LOWER (0x34ULL << ESR_EL1_EC_SHIFT)
#define EC_WATCHPOINT_SAME  (0x35ULL << ESR_EL1_EC_SHIFT)

#define NAME_COUNT(names)   (sizeof(names) / sizeof((names)[0]))

static const char *name_of(const struct sysreg_value_name *names, size_t count, uint64_t value,
                           const char *otherwise)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].value == value) {
            return names[i].text;
        }
    }
    return otherwise;
}

const char *esr_class_text(uint64_t esr)
{
    return name_of(esr_el1_ec_names, NAME_COUNT(esr_el1_ec_names), EC(esr) >> ESR_EL1_EC_SHIFT,
                   "reserved exception class");
}

const char *esr_fault_status_text(uint64_t esr)
{
    return name_of(iss_abort_fsc_names, NAME_COUNT(iss_abort_fsc_names),
                   (esr & ISS_ABORT_FSC_MASK) >> ISS_ABORT_FSC_SHIFT, "reserved fault status");
}

static bool is_instruction_abort(uint64_t esr)
{
    return EC(esr) == ESR_EL1_EC_IABORT_LOWER || EC(esr) == ESR_EL1_EC_IABORT_SAME;
}

static bool is_data_abort(uint64_t esr)
{
    return EC(esr) == ESR_EL1_EC_DABORT_LOWER || EC(esr) == ESR_EL1_EC_DABORT_SAME;
}

bool esr_is_abort(uint64_t esr)
{
    return is_instruction_abort(esr) || is_data_abort(esr);
}

bool esr_has_far(uint64_t esr)
{
    if (esr_is_abort(esr)) {
        return (esr & ISS_ABORT_FNV_BIT) == 0;
    }
    return EC(esr) == ESR_EL1_EC_PC_ALIGNMENT || EC(esr) == EC_WATCHPOINT_LOWER ||
           EC(esr) == EC_WATCHPOINT_SAME;
}

void esr_print(uint64_t esr, uint64_t far)
{
    kprintf("  esr 0x%08lx: %s", esr, esr_class_text(esr));
    if (is_data_abort(esr)) {
        kprintf(": %s, on a %s", esr_fault_status_text(esr),
                (esr & ISS_ABORT_WNR_BIT) != 0 ? "write" : "read");
    } else if (is_instruction_abort(esr)) {
        kprintf(": %s", esr_fault_status_text(esr));
    }
    if (esr_has_far(esr)) {
        kprintf("\n  far 0x%016lx\n", far);
    } else {
        kprintf("\n  far not valid\n");
    }
}
