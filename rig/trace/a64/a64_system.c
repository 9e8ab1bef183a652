#include "a64_system.h"

#include <stddef.h>

enum { CRN_TLBI = 8, CRN_TLBI_NXS = 9, CRN_CACHE_AT = 7 };

static uint32_t op1_of(uint32_t sys)
{
    return sys >> 11 & 7;
}

static uint32_t crn_of(uint32_t sys)
{
    return sys >> 7 & 0xf;
}

static uint32_t crm_of(uint32_t sys)
{
    return sys >> 3 & 0xf;
}

static uint32_t op2_of(uint32_t sys)
{
    return sys & 7;
}

static bool is_zva(uint32_t sys)
{
    return sys == A64_SYS(1, 3, 7, 4, 1) || sys == A64_SYS(1, 3, 7, 4, 4); /* ZVA, GZVA */
}

static enum a64_class cache_or_at(uint32_t sys)
{
    switch (crm_of(sys)) {
    case 1:
    case 5:
        return A64_IC;
    case 4:
        return is_zva(sys) ? A64_DC_ZVA : A64_OTHER;
    case 8:
    case 9:
        return A64_AT;
    case 6:
    case 10:
    case 11:
    case 12:
    case 13:
    case 14:
        return A64_DC;
    default:
        return A64_OTHER;
    }
}

static enum a64_class sys_class(uint32_t opcode)
{
    uint32_t sys = a64_sys(opcode);
    uint32_t crn = crn_of(sys);
    if (crn == CRN_TLBI || crn == CRN_TLBI_NXS) {
        return A64_TLBI;
    }
    return crn == CRN_CACHE_AT ? cache_or_at(sys) : A64_OTHER;
}

static enum a64_class barrier_class(uint32_t opcode)
{
    uint32_t crm = opcode >> 8 & 0xf;
    switch (opcode >> 5 & 7) {
    case 1:
        return (crm & 3) == 2 ? A64_DSB : A64_OTHER; /* nXS */
    case 4:
        return crm == 0 || crm == 4 ? A64_OTHER : A64_DSB; /* SSBB, PSSBB */
    case 5:
        return A64_DMB;
    case 6:
        return A64_ISB;
    default:
        return A64_OTHER;
    }
}

static enum a64_class system_class(uint32_t opcode)
{
    if ((opcode & 0xfff00000) == 0xd5100000) {
        return A64_MSR;
    }
    if ((opcode & 0xfff00000) == 0xd5300000) {
        return A64_MRS;
    }
    if ((opcode & 0xfff80000) == 0xd5080000) {
        return sys_class(opcode);
    }
    if ((opcode & 0xfffff01f) == 0xd503301f) {
        return barrier_class(opcode);
    }
    if ((opcode & 0xfff8f01f) == 0xd500401f) {
        uint32_t field = (opcode >> 13 & 0x38) | (opcode >> 5 & 7);
        return field == 0x1e || field == 0x1f ? A64_DAIF : A64_PSTATE;
    }
    if ((opcode & ~0x20U) == 0xd503205f || (opcode & ~0x3fU) == 0xd5031000) {
        return A64_WAIT;
    }
    return A64_OTHER;
}

static enum a64_class branch_class(uint32_t opcode)
{
    switch (opcode >> 21 & 0xf) {
    case 0:
    case 1:
    case 2:
    case 8:
    case 9:
        return A64_INDIRECT;
    case 4:
        return A64_ERET;
    default:
        return A64_OTHER;
    }
}

enum a64_class a64_class(uint32_t opcode)
{
    if ((opcode & 0xffc00000) == 0xd5000000) {
        return system_class(opcode);
    }
    if ((opcode & 0xfe000000) == 0xd6000000) {
        return branch_class(opcode);
    }
    switch (opcode & 0xffe0001f) {
    case 0xd4000001:
        return A64_SVC;
    case 0xd4000002:
        return A64_HVC;
    case 0xd4000003:
        return A64_SMC;
    default:
        return A64_OTHER;
    }
}

struct a64_barrier a64_barrier(uint32_t opcode)
{
    static const enum a64_domain DOMAINS[] = {A64_OSH, A64_NSH, A64_ISH, A64_SY};
    uint32_t crm = opcode >> 8 & 0xf;
    bool nxs = (opcode >> 5 & 7) == 1;
    uint32_t types = nxs ? 3 : crm & 3; /* 0 is reserved and executes as all */
    return (struct a64_barrier){
        .domain = DOMAINS[crm >> 2],
        .loads = types != 2,
        .stores = types != 1,
    };
}

static enum a64_domain tlbi_domain(uint32_t crm)
{
    switch (crm) {
    case 1:
    case 5:
        return A64_OSH;
    case 0:
    case 2:
    case 3:
        return A64_ISH;
    default:
        return A64_NSH;
    }
}

static enum a64_tlbi_scope scope_of(uint32_t op1, uint32_t crm, uint32_t op2)
{
    static const enum a64_tlbi_scope EL1[] = {
        A64_TLBI_ALL, A64_TLBI_VA, A64_TLBI_ASID, A64_TLBI_VAA,
        A64_TLBI_ALL, A64_TLBI_VA, A64_TLBI_ALL,  A64_TLBI_VAA,
    };
    bool range = crm == 2 || crm == 5 || crm == 6;
    if (op1 == 4 && (crm == 0 || crm == 4)) {
        return A64_TLBI_IPA;
    }
    if (range) {
        return A64_TLBI_RANGE;
    }
    if (op1 == 0) {
        return EL1[op2];
    }
    return op2 == 1 || op2 == 5 ? A64_TLBI_VA : A64_TLBI_ALL;
}

struct a64_tlbi a64_tlbi(uint32_t opcode)
{
    uint32_t sys = a64_sys(opcode);
    uint32_t op1 = op1_of(sys);
    uint32_t crm = crm_of(sys);
    uint32_t op2 = op2_of(sys);
    bool guests = op1 == 4 && (crm == 0 || crm == 4 || op2 == 4 || op2 == 6);
    uint8_t el = op1 == 6 ? 3 : 2;
    return (struct a64_tlbi){
        .scope = scope_of(op1, crm, op2),
        .domain = op1 == 4 && crm == 4 && (op2 == 0 || op2 == 3 || op2 == 4 || op2 == 7)
                      ? A64_OSH
                      : tlbi_domain(crm),
        .el = op1 == 0 || guests ? 1 : el,
        .last_level = op2 == 5 || op2 == 7,
        .nxs = crn_of(sys) == CRN_TLBI_NXS,
    };
}

struct a64_dc a64_dc(uint32_t opcode)
{
    uint32_t sys = a64_sys(opcode);
    uint32_t crm = crm_of(sys);
    uint32_t op2 = op2_of(sys);
    struct a64_dc dc = {.point = crm == 11 ? A64_POU : A64_POC};
    switch (crm) {
    case 6:
        dc.what = A64_DC_INVALIDATE;
        break;
    case 14:
        dc.what = A64_DC_CLEAN | A64_DC_INVALIDATE;
        break;
    default:
        dc.what = A64_DC_CLEAN;
        break;
    }
    dc.set_way = op1_of(sys) == 0 && op2 % 2 == 0;
    return dc;
}

bool a64_ic_all(uint32_t opcode)
{
    return op1_of(a64_sys(opcode)) == 0;
}

bool a64_daif_opens(uint32_t opcode)
{
    return (opcode >> 5 & 7) == 7 && (opcode >> 8 & 0xf) != 0;
}

/* MRS and MSR of FPCR, FPSR, FPMR trap like what they control. */
static bool fp_control(uint32_t opcode)
{
    enum a64_class kind = a64_class(opcode);
    uint32_t sys = a64_sys(opcode);
    return (kind == A64_MRS || kind == A64_MSR) && sys >= A64_SYS(3, 3, 4, 4, 0) &&
           sys <= A64_SYS(3, 3, 4, 4, 2);
}

bool a64_uses_fp(uint32_t opcode)
{
    uint32_t group = opcode >> 25 & 0xf;
    bool arithmetic = (group & 7) == 7;
    bool memory = (group & 5) == 4 && (opcode >> 26 & 1) != 0;
    return arithmetic || memory || group == 2 || fp_control(opcode);
}

unsigned int a64_sys_level(uint32_t sys)
{
    switch (op1_of(sys)) {
    case 0:
    case 5:
        return 1;
    case 4:
        return 2;
    case 6:
        return 3;
    default:
        return 0;
    }
}

unsigned int a64_lowest_level(uint32_t opcode)
{
    static const unsigned int LEVELS[] = {1, 1, 1, 0, 2, 2, 3, 1};
    bool registers = (opcode & 0xffd00000) == 0xd5100000;
    bool sys = (opcode & 0xffd80000) == 0xd5080000;
    return registers || sys ? LEVELS[op1_of(a64_sys(opcode))] : 0;
}

bool a64_opens_window(uint32_t sys)
{
    switch (sys) {
    case A64_SCTLR_EL1:
    case A64_SCTLR_EL12:
    case A64_SCTLR_EL2:
    case A64_SCTLR_EL3:
    case A64_TTBR0_EL1:
    case A64_TTBR1_EL1:
    case A64_TTBR0_EL12:
    case A64_TTBR1_EL12:
    case A64_TTBR0_EL2:
    case A64_TTBR1_EL2:
    case A64_TTBR0_EL3:
    case A64_TCR_EL1:
    case A64_TCR_EL12:
    case A64_TCR_EL2:
    case A64_TCR_EL3:
    case A64_MAIR_EL1:
    case A64_MAIR_EL12:
    case A64_MAIR_EL2:
    case A64_MAIR_EL3:
    case A64_VBAR_EL1:
    case A64_VBAR_EL12:
    case A64_VBAR_EL2:
    case A64_VBAR_EL3:
    case A64_CPACR_EL1:
    case A64_CPACR_EL12:
    case A64_CPTR_EL2:
    case A64_CPTR_EL3:
    case A64_HCR_EL2:
        return true;
    default:
        return false;
    }
}

static bool watched_register(uint32_t sys)
{
    switch (sys) {
    case A64_SPSR_EL1:
    case A64_SPSR_EL12:
    case A64_SPSR_EL2:
    case A64_SPSR_EL3:
    case A64_DAIF_REGISTER:
    case A64_PAR_EL1:
    case A64_CONTEXTIDR_EL1:
        return true;
    default:
        return a64_opens_window(sys);
    }
}

bool a64_has_operand(uint32_t opcode)
{
    switch (a64_class(opcode)) {
    case A64_MSR:
        return watched_register(a64_sys(opcode));
    case A64_TLBI: {
        enum a64_tlbi_scope scope = a64_tlbi(opcode).scope;
        return scope != A64_TLBI_ALL && scope != A64_TLBI_IPA;
    }
    case A64_AT:
    case A64_DC_ZVA:
        return true;
    case A64_DC:
        return !a64_dc(opcode).set_way;
    case A64_IC:
        return !a64_ic_all(opcode);
    default:
        return false;
    }
}
