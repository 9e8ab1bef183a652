#include "esr_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sysregs.h"
#include "sysregs_names.h"

#define FIELD(value, name) (unsigned)(((value)&name##_MASK) >> name##_SHIFT)
#define TABLE_SIZE(table)  (sizeof(table) / sizeof((table)[0]))

static const char *lookup(const struct sysreg_value_name *table, size_t count, unsigned value)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].value == value) {
            return table[i].text;
        }
    }
    return NULL;
}

/* Append to the text in `out`. */
static void add(char out[static ESR_TEXT], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(char out[static ESR_TEXT], const char *format, ...)
{
    size_t used = strlen(out);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out + used, ESR_TEXT - used, format, arguments);
    va_end(arguments);
}

unsigned esr_ec(uint64_t esr)
{
    return FIELD(esr, ESR_EL1_EC);
}

static bool is_instruction_abort(uint64_t esr)
{
    uint64_t ec = esr & ESR_EL1_EC_MASK;
    return ec == ESR_EL1_EC_IABORT_LOWER || ec == ESR_EL1_EC_IABORT_SAME;
}

static bool is_data_abort(uint64_t esr)
{
    uint64_t ec = esr & ESR_EL1_EC_MASK;
    return ec == ESR_EL1_EC_DABORT_LOWER || ec == ESR_EL1_EC_DABORT_SAME;
}

bool esr_fault_status(uint64_t esr, unsigned *status)
{
    *status = FIELD(esr, ISS_ABORT_FSC);
    return is_instruction_abort(esr) || is_data_abort(esr);
}

bool esr_far_not_valid(uint64_t esr)
{
    unsigned status;
    return esr_fault_status(esr, &status) && (esr & ISS_ABORT_FNV_MASK) != 0;
}

static void add_abort(char out[static ESR_TEXT], uint64_t esr)
{
    unsigned status = FIELD(esr, ISS_ABORT_FSC);
    const char *text = lookup(iss_abort_fsc_names, TABLE_SIZE(iss_abort_fsc_names), status);
    const char *field = is_data_abort(esr) ? "DFSC" : "IFSC";
    add(out, ", %s (%s 0x%02x)", text == NULL ? "fault status not in the table" : text, field,
        status);
    if (is_data_abort(esr)) {
        bool maintenance = (esr & ISS_ABORT_CM_MASK) != 0;
        const char *access = (esr & ISS_ABORT_WNR_MASK) != 0 ? "write" : "read";
        add(out, ", %s", maintenance ? "cache maintenance or address translation" : access);
    }
    if ((esr & ISS_ABORT_S1PTW_MASK) != 0) {
        add(out, ", on a stage 1 table walk");
    }
    if ((esr & ISS_ABORT_FNV_MASK) != 0) {
        add(out, ", FAR not valid");
    }
}

/* The access in the generic form of the assembler: "mrs x3, S3_0_C1_C0_0". */
static void add_system(char out[static ESR_TEXT], uint64_t esr)
{
    char name[32];
    unsigned op0 = FIELD(esr, ISS_SYSREG_OP0);
    unsigned rt = FIELD(esr, ISS_SYSREG_RT);
    snprintf(name, sizeof(name), "S%u_%u_C%u_C%u_%u", op0, FIELD(esr, ISS_SYSREG_OP1),
             FIELD(esr, ISS_SYSREG_CRN), FIELD(esr, ISS_SYSREG_CRM), FIELD(esr, ISS_SYSREG_OP2));
    char reg[8];
    snprintf(reg, sizeof(reg), rt == 31 ? "xzr" : "x%u", rt);
    if ((esr & ISS_SYSREG_READ_MASK) != 0) {
        add(out, ", %s %s, %s", op0 == 1 ? "sysl" : "mrs", reg, name);
    } else {
        add(out, ", %s %s, %s", op0 == 1 ? "sys" : "msr", name, reg);
    }
}

static void add_wait(char out[static ESR_TEXT], uint64_t esr)
{
    static const char *const names[] = {"wfi", "wfe", "wfit", "wfet"};
    add(out, ", %s", names[esr & 3]);
}

const char *esr_text(uint64_t esr, char out[static ESR_TEXT])
{
    unsigned ec = esr_ec(esr);
    const char *text = lookup(esr_el1_ec_names, TABLE_SIZE(esr_el1_ec_names), ec);
    out[0] = '\0';
    add(out, "%s (EC 0x%02x)", text == NULL ? "exception class not in the table" : text, ec);
    switch (esr & ESR_EL1_EC_MASK) {
    case ESR_EL1_EC_SVC64:
    case ESR_EL1_EC_HVC64:
    case ESR_EL1_EC_SMC64:
        add(out, ", immediate 0x%x", FIELD(esr, ISS_CALL_IMM16));
        break;
    case ESR_EL1_EC_BRK64:
        add(out, ", comment 0x%x", FIELD(esr, ISS_CALL_IMM16));
        break;
    case ESR_EL1_EC_SYSREG64:
        add_system(out, esr);
        break;
    case ESR_EL1_EC_WFX:
        add_wait(out, esr);
        break;
    default:
        if (is_data_abort(esr) || is_instruction_abort(esr)) {
            add_abort(out, esr);
        }
    }
    return out;
}
