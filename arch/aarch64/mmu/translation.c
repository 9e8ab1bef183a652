#include <arch/translation.h>

/* PARange 5 is 48 bits: more needs FEAT_LPA, which this regime does not use (DDI 0487,
 * TCR_EL1.IPS). */
#define IPS_MAX 5U

uint64_t translation_tcr_value(uint64_t id_aa64mmfr0)
{
    uint64_t ips = (id_aa64mmfr0 & ID_AA64MMFR0_EL1_PARANGE_MASK) >> ID_AA64MMFR0_EL1_PARANGE_SHIFT;

    if (ips > IPS_MAX) {
        ips = IPS_MAX;
    }
    return TCR_EL1_VALUE | (ips << TCR_EL1_IPS_SHIFT);
}

uint64_t translation_sctlr_value(uint64_t id_aa64mmfr1)
{
    uint64_t pan = id_aa64mmfr1 & ID_AA64MMFR1_EL1_PAN_MASK;

    return pan == 0 ? SCTLR_EL1_MMU_ON : SCTLR_EL1_MMU_ON & ~SCTLR_EL1_SPAN_BIT;
}
