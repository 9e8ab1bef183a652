/*
 * The architecture table against literal bit positions, written down here a second time from
 * DDI 0487: a slip in sysregs.yaml must not agree with itself.
 */
#include "cmocka_includes.h"

#include <sysregs.h>
#include <sysregs_names.h>

struct pin {
    const char *name;
    uint64_t mask;
    unsigned shift;
    unsigned high;
    unsigned low;
};

#define PIN(field, high, low)                                                                      \
    {                                                                                              \
#field, field##_MASK, field##_SHIFT, high, low                                             \
    }

static const struct pin pins[] = {
    PIN(PSTATE_N, 31, 31),
    PIN(PSTATE_Z, 30, 30),
    PIN(PSTATE_C, 29, 29),
    PIN(PSTATE_V, 28, 28),
    PIN(PSTATE_PAN, 22, 22),
    PIN(PSTATE_SS, 21, 21),
    PIN(PSTATE_IL, 20, 20),
    PIN(PSTATE_DAIF, 9, 6),
    PIN(PSTATE_D, 9, 9),
    PIN(PSTATE_A, 8, 8),
    PIN(PSTATE_I, 7, 7),
    PIN(PSTATE_F, 6, 6),
    PIN(PSTATE_NRW, 4, 4),
    PIN(PSTATE_EL, 3, 2),
    PIN(PSTATE_SPSEL, 0, 0),
    PIN(CURRENTEL_EL, 3, 2),
    PIN(SCTLR_EL1_M, 0, 0),
    PIN(SCTLR_EL1_A, 1, 1),
    PIN(SCTLR_EL1_C, 2, 2),
    PIN(SCTLR_EL1_SA, 3, 3),
    PIN(SCTLR_EL1_SA0, 4, 4),
    PIN(SCTLR_EL1_CP15BEN, 5, 5),
    PIN(SCTLR_EL1_NAA, 6, 6),
    PIN(SCTLR_EL1_ITD, 7, 7),
    PIN(SCTLR_EL1_SED, 8, 8),
    PIN(SCTLR_EL1_UMA, 9, 9),
    PIN(SCTLR_EL1_ENRCTX, 10, 10),
    PIN(SCTLR_EL1_EOS, 11, 11),
    PIN(SCTLR_EL1_I, 12, 12),
    PIN(SCTLR_EL1_ENDB, 13, 13),
    PIN(SCTLR_EL1_DZE, 14, 14),
    PIN(SCTLR_EL1_UCT, 15, 15),
    PIN(SCTLR_EL1_NTWI, 16, 16),
    PIN(SCTLR_EL1_NTWE, 18, 18),
    PIN(SCTLR_EL1_WXN, 19, 19),
    PIN(SCTLR_EL1_TSCXT, 20, 20),
    PIN(SCTLR_EL1_IESB, 21, 21),
    PIN(SCTLR_EL1_EIS, 22, 22),
    PIN(SCTLR_EL1_SPAN, 23, 23),
    PIN(SCTLR_EL1_E0E, 24, 24),
    PIN(SCTLR_EL1_EE, 25, 25),
    PIN(SCTLR_EL1_UCI, 26, 26),
    PIN(SCTLR_EL1_ENDA, 27, 27),
    PIN(SCTLR_EL1_NTLSMD, 28, 28),
    PIN(SCTLR_EL1_LSMAOE, 29, 29),
    PIN(SCTLR_EL1_ENIB, 30, 30),
    PIN(SCTLR_EL1_ENIA, 31, 31),
    PIN(TCR_EL1_T0SZ, 5, 0),
    PIN(TCR_EL1_EPD0, 7, 7),
    PIN(TCR_EL1_IRGN0, 9, 8),
    PIN(TCR_EL1_ORGN0, 11, 10),
    PIN(TCR_EL1_SH0, 13, 12),
    PIN(TCR_EL1_TG0, 15, 14),
    PIN(TCR_EL1_T1SZ, 21, 16),
    PIN(TCR_EL1_A1, 22, 22),
    PIN(TCR_EL1_EPD1, 23, 23),
    PIN(TCR_EL1_IRGN1, 25, 24),
    PIN(TCR_EL1_ORGN1, 27, 26),
    PIN(TCR_EL1_SH1, 29, 28),
    PIN(TCR_EL1_TG1, 31, 30),
    PIN(TCR_EL1_IPS, 34, 32),
    PIN(TCR_EL1_AS, 36, 36),
    PIN(TCR_EL1_TBI0, 37, 37),
    PIN(TCR_EL1_TBI1, 38, 38),
    PIN(TCR_EL1_HA, 39, 39),
    PIN(TCR_EL1_HD, 40, 40),
    PIN(TCR_EL1_HPD0, 41, 41),
    PIN(TCR_EL1_HPD1, 42, 42),
    PIN(TCR_EL1_E0PD0, 55, 55),
    PIN(TCR_EL1_E0PD1, 56, 56),
    PIN(TCR_EL1_DS, 59, 59),
    PIN(TTBR0_EL1_CNP, 0, 0),
    PIN(TTBR0_EL1_BADDR, 47, 1),
    PIN(TTBR0_EL1_ASID, 63, 48),
    PIN(TTBR1_EL1_CNP, 0, 0),
    PIN(TTBR1_EL1_BADDR, 47, 1),
    PIN(TTBR1_EL1_ASID, 63, 48),
    PIN(MAIR_EL1_ATTR0, 7, 0),
    PIN(MAIR_EL1_ATTR1, 15, 8),
    PIN(MAIR_EL1_ATTR7, 63, 56),
    PIN(VBAR_EL1_BASE, 63, 11),
    PIN(CPACR_EL1_ZEN, 17, 16),
    PIN(CPACR_EL1_FPEN, 21, 20),
    PIN(CPACR_EL1_TTA, 28, 28),
    PIN(CNTKCTL_EL1_EL0PCTEN, 0, 0),
    PIN(CNTKCTL_EL1_EL0VCTEN, 1, 1),
    PIN(CNTKCTL_EL1_EL0VTEN, 8, 8),
    PIN(CNTKCTL_EL1_EL0PTEN, 9, 9),
    PIN(MDSCR_EL1_SS, 0, 0),
    PIN(MDSCR_EL1_TDCC, 12, 12),
    PIN(MDSCR_EL1_KDE, 13, 13),
    PIN(MDSCR_EL1_MDE, 15, 15),
    PIN(PMUSERENR_EL0_EN, 0, 0),
    PIN(PMUSERENR_EL0_ER, 3, 3),
    PIN(PMCR_EL0_N, 15, 11),
    PIN(HCR_EL2_VM, 0, 0),
    PIN(HCR_EL2_FMO, 3, 3),
    PIN(HCR_EL2_IMO, 4, 4),
    PIN(HCR_EL2_AMO, 5, 5),
    PIN(HCR_EL2_TWI, 13, 13),
    PIN(HCR_EL2_TWE, 14, 14),
    PIN(HCR_EL2_TSC, 19, 19),
    PIN(HCR_EL2_TVM, 26, 26),
    PIN(HCR_EL2_TGE, 27, 27),
    PIN(HCR_EL2_HCD, 29, 29),
    PIN(HCR_EL2_TRVM, 30, 30),
    PIN(HCR_EL2_RW, 31, 31),
    PIN(HCR_EL2_E2H, 34, 34),
    PIN(SCTLR_EL2_M, 0, 0),
    PIN(SCTLR_EL2_A, 1, 1),
    PIN(SCTLR_EL2_C, 2, 2),
    PIN(SCTLR_EL2_SA, 3, 3),
    PIN(SCTLR_EL2_EOS, 11, 11),
    PIN(SCTLR_EL2_I, 12, 12),
    PIN(SCTLR_EL2_WXN, 19, 19),
    PIN(SCTLR_EL2_EIS, 22, 22),
    PIN(SCTLR_EL2_EE, 25, 25),
    PIN(TCR_EL2_T0SZ, 5, 0),
    PIN(TCR_EL2_IRGN0, 9, 8),
    PIN(TCR_EL2_ORGN0, 11, 10),
    PIN(TCR_EL2_SH0, 13, 12),
    PIN(TCR_EL2_TG0, 15, 14),
    PIN(TCR_EL2_PS, 18, 16),
    PIN(TCR_EL2_TBI, 20, 20),
    PIN(TCR_EL2_HA, 21, 21),
    PIN(TCR_EL2_HD, 22, 22),
    PIN(TCR_EL2_HPD, 24, 24),
    PIN(TCR_EL2_TBID, 29, 29),
    PIN(TCR_EL2_DS, 32, 32),
    PIN(TTBR0_EL2_CNP, 0, 0),
    PIN(TTBR0_EL2_BADDR, 47, 1),
    PIN(MAIR_EL2_ATTR0, 7, 0),
    PIN(MAIR_EL2_ATTR7, 63, 56),
    PIN(CNTV_CTL_EL0_ENABLE, 0, 0),
    PIN(CNTV_CTL_EL0_IMASK, 1, 1),
    PIN(CNTV_CTL_EL0_ISTATUS, 2, 2),
    PIN(CNTHCTL_EL2_EL1PCTEN, 0, 0),
    PIN(CNTHCTL_EL2_EL1PCEN, 1, 1),
    PIN(CPTR_EL2_TZ, 8, 8),
    PIN(CPTR_EL2_TFP, 10, 10),
    PIN(CPTR_EL2_TTA, 20, 20),
    PIN(CPTR_EL2_TCPAC, 31, 31),
    PIN(MDCR_EL2_HPMN, 4, 0),
    PIN(MDCR_EL2_TPMCR, 5, 5),
    PIN(MDCR_EL2_TPM, 6, 6),
    PIN(MDCR_EL2_HPME, 7, 7),
    PIN(MDCR_EL2_TDE, 8, 8),
    PIN(MDCR_EL2_TDA, 9, 9),
    PIN(SPSR_EL2_DAIF, 9, 6),
    PIN(SPSR_EL2_M, 4, 0),
    PIN(SPSR_EL1_EL, 3, 2),
    PIN(ESR_EL1_ISS, 24, 0),
    PIN(ESR_EL1_IL, 25, 25),
    PIN(ESR_EL1_EC, 31, 26),
    PIN(PAR_EL1_F, 0, 0),
    PIN(CTR_EL0_IMINLINE, 3, 0),
    PIN(CTR_EL0_L1IP, 15, 14),
    PIN(CTR_EL0_DMINLINE, 19, 16),
    PIN(CTR_EL0_IDC, 28, 28),
    PIN(CTR_EL0_DIC, 29, 29),
    PIN(DCZID_EL0_BS, 3, 0),
    PIN(DCZID_EL0_DZP, 4, 4),
    PIN(ID_AA64DFR0_EL1_PMUVER, 11, 8),
    PIN(ID_AA64MMFR0_EL1_PARANGE, 3, 0),
    PIN(ID_AA64MMFR0_EL1_TGRAN16, 23, 20),
    PIN(ID_AA64MMFR0_EL1_TGRAN64, 27, 24),
    PIN(ID_AA64MMFR0_EL1_TGRAN4, 31, 28),
    PIN(ID_AA64MMFR1_EL1_VH, 11, 8),
    PIN(ID_AA64MMFR1_EL1_PAN, 23, 20),
    PIN(ID_AA64MMFR1_EL1_ETS, 39, 36),
    PIN(DESC_VALID, 0, 0),
    PIN(DESC_TYPE, 1, 1),
    PIN(DESC_TABLE_NEXT, 47, 12),
    PIN(DESC_TABLE_IGNORED, 11, 2),
    PIN(DESC_TABLE_PXNTABLE, 59, 59),
    PIN(DESC_TABLE_UXNTABLE, 60, 60),
    PIN(DESC_TABLE_APTABLE, 62, 61),
    PIN(DESC_TABLE_NSTABLE, 63, 63),
    PIN(DESC_LEAF_ATTRINDX, 4, 2),
    PIN(DESC_LEAF_NS, 5, 5),
    PIN(DESC_LEAF_AP, 7, 6),
    PIN(DESC_LEAF_SH, 9, 8),
    PIN(DESC_LEAF_AF, 10, 10),
    PIN(DESC_LEAF_NG, 11, 11),
    PIN(DESC_LEAF_OA, 47, 12),
    PIN(DESC_LEAF_GP, 50, 50),
    PIN(DESC_LEAF_DBM, 51, 51),
    PIN(DESC_LEAF_CONTIGUOUS, 52, 52),
    PIN(DESC_LEAF_PXN, 53, 53),
    PIN(DESC_LEAF_UXN, 54, 54),
    PIN(ISS_ABORT_FSC, 5, 0),
    PIN(ISS_ABORT_WNR, 6, 6),
    PIN(ISS_ABORT_S1PTW, 7, 7),
    PIN(ISS_ABORT_CM, 8, 8),
    PIN(ISS_ABORT_EA, 9, 9),
    PIN(ISS_ABORT_FNV, 10, 10),
    PIN(ISS_CALL_IMM16, 15, 0),
};

static void fields_are_where_the_manual_puts_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
        uint64_t ones = UINT64_MAX >> (63 - (pins[i].high - pins[i].low));

        if (pins[i].shift != pins[i].low || pins[i].mask != ones << pins[i].low) {
            fail_msg("%s: mask %#llx, shift %u; the manual has bits %u:%u", pins[i].name,
                     (unsigned long long)pins[i].mask, pins[i].shift, pins[i].high, pins[i].low);
        }
    }
}

static void values_are_the_manual_s(void **state)
{
    (void)state;
    assert_int_equal(CURRENTEL_EL_EL1, 0x4);
    assert_int_equal(CURRENTEL_EL_EL2, 0x8);
    assert_int_equal(CURRENTEL_EL_EL3, 0xC);
    assert_int_equal(SPSR_EL2_DAIF_ALL_MASKED | SPSR_EL2_M_EL1H, 0x3C5);
    assert_int_equal(TCR_EL1_TG1_4K, 2ULL << 30);
    assert_int_equal(TCR_EL1_TG0_4K, 0);
    assert_int_equal(TCR_EL1_SH0_INNER, 3ULL << 12);
    assert_int_equal(ESR_EL1_EC_SVC64, 0x15ULL << 26);
    assert_int_equal(ESR_EL1_EC_DABORT_SAME, 0x25ULL << 26);
    assert_int_equal(DESC_LEAF_AP_EL1_RO, 2ULL << 6);
    assert_int_equal(DESC_LEAF_AP_ALL_RW, 1ULL << 6);
    assert_int_equal(DESC_LEAF_SH_INNER, 3ULL << 8);
    assert_int_equal(MAIR_EL1_ATTR1_NORMAL_WBWA, 0xFFULL << 8);
}

static void texts_are_sorted_and_closed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(esr_el1_ec_names) / sizeof(esr_el1_ec_names[0]); i++) {
        assert_true(i == 0 || esr_el1_ec_names[i - 1].value < esr_el1_ec_names[i].value);
        assert_int_equal(esr_el1_ec_names[i].text[sizeof(esr_el1_ec_names[i].text) - 1], '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_where_the_manual_puts_them),
        cmocka_unit_test(values_are_the_manual_s),
        cmocka_unit_test(texts_are_sorted_and_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
