#include "register_words.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "a64_system.h"
#include "phrase.h"
#include "rigwalk.h"
#include "sysregs.h"

#define FIELD(value, name) (unsigned)(((value)&name##_MASK) >> name##_SHIFT)
#define TABLE_SIZE(table)  (sizeof(table) / sizeof((table)[0]))

struct named {
    uint32_t sys;
    const char *name;
};

#define NAMED(name)                                                                                \
    {                                                                                              \
        A64_##name, #name                                                                          \
    }
static const struct named NAMES[] = {
    NAMED(SCTLR_EL1),  NAMED(CPACR_EL1),      NAMED(TTBR0_EL1),
    NAMED(TTBR1_EL1),  NAMED(TCR_EL1),        NAMED(SPSR_EL1),
    NAMED(ELR_EL1),    NAMED(PAR_EL1),        NAMED(MAIR_EL1),
    NAMED(VBAR_EL1),   NAMED(CONTEXTIDR_EL1), NAMED(SCTLR_EL2),
    NAMED(HCR_EL2),    NAMED(CPTR_EL2),       NAMED(TTBR0_EL2),
    NAMED(TTBR1_EL2),  NAMED(TCR_EL2),        NAMED(SPSR_EL2),
    NAMED(ELR_EL2),    NAMED(MAIR_EL2),       NAMED(VBAR_EL2),
    NAMED(SCTLR_EL12), NAMED(CPACR_EL12),     NAMED(TTBR0_EL12),
    NAMED(TTBR1_EL12), NAMED(TCR_EL12),       NAMED(SPSR_EL12),
    NAMED(ELR_EL12),   NAMED(MAIR_EL12),      NAMED(VBAR_EL12),
    NAMED(SCTLR_EL3),  NAMED(CPTR_EL3),       NAMED(TTBR0_EL3),
    NAMED(TCR_EL3),    NAMED(SPSR_EL3),       NAMED(ELR_EL3),
    NAMED(MAIR_EL3),   NAMED(VBAR_EL3),       {A64_DAIF_REGISTER, "DAIF"},
};
#undef NAMED

struct flag {
    uint64_t mask;
    const char *word;
};

const char *register_name(uint32_t sys, char out[static REGISTER_NAME])
{
    for (size_t i = 0; i < TABLE_SIZE(NAMES); i++) {
        if (NAMES[i].sys == sys) {
            snprintf(out, REGISTER_NAME, "%s", NAMES[i].name);
            return out;
        }
    }
    snprintf(out, REGISTER_NAME, "S%u_%u_C%u_C%u_%u", sys >> 14 & 3, sys >> 11 & 7, sys >> 7 & 0xf,
             sys >> 3 & 0xf, sys & 7);
    return out;
}

static void put_flags(struct phrase *words, uint64_t value, const struct flag *flags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((value & flags[i].mask) != 0) {
            phrase_list(words, "%s", flags[i].word);
        }
    }
}

/* SCTLR_EL1, _EL2 and _EL3 have these bits at the same places. */
static void put_sctlr(struct phrase *words, uint64_t value)
{
    static const struct flag flags[] = {
        {SCTLR_EL1_A_BIT, "alignment checked"},
        {SCTLR_EL1_WXN_BIT, "writable is never executable"},
        {SCTLR_EL1_EE_BIT, "big-endian"},
    };
    phrase_list(words, "MMU %s", (value & SCTLR_EL1_M_BIT) != 0 ? "on" : "off");
    phrase_list(words, "data caches %s", (value & SCTLR_EL1_C_BIT) != 0 ? "on" : "off");
    phrase_list(words, "instruction caches %s", (value & SCTLR_EL1_I_BIT) != 0 ? "on" : "off");
    put_flags(words, value, flags, TABLE_SIZE(flags));
}

static const char *walk_cacheability(unsigned value)
{
    static const char *const words[] = {"Non-cacheable", "Write-Back", "Write-Through",
                                        "Write-Back no write-allocate"};
    return words[value & 3];
}

struct half {
    unsigned t_sz;
    bool walks_disabled;
    const char *granule;
    unsigned inner;
    unsigned shareability;
};

static void put_half(struct phrase *words, const char *name, const struct half *half)
{
    char shareability[32];
    rig_walk_shareability_text((uint8_t)half->shareability, shareability, sizeof(shareability));
    if (half->walks_disabled) {
        phrase_list(words, "%s: no walks", name);
        return;
    }
    phrase_list(words, "%s: %u-bit addresses, %s granule, walks %s %s", name, 64 - half->t_sz,
                half->granule, walk_cacheability(half->inner), shareability);
}

static void put_tcr(struct phrase *words, uint64_t value)
{
    static const char *const low_granules[] = {"4 KiB", "64 KiB", "16 KiB", "reserved"};
    static const char *const high_granules[] = {"reserved", "16 KiB", "4 KiB", "64 KiB"};
    static const unsigned bits[] = {32, 36, 40, 42, 44, 48, 52, 56};
    static const struct flag flags[] = {
        {TCR_EL1_HA_BIT, "hardware access flag"},   {TCR_EL1_HD_BIT, "hardware dirty state"},
        {TCR_EL1_TBI0_BIT, "low top byte ignored"}, {TCR_EL1_TBI1_BIT, "high top byte ignored"},
        {TCR_EL1_DS_BIT, "52-bit addresses (DS)"},
    };
    const struct half low = {FIELD(value, TCR_EL1_T0SZ), (value & TCR_EL1_EPD0_BIT) != 0,
                             low_granules[FIELD(value, TCR_EL1_TG0)], FIELD(value, TCR_EL1_IRGN0),
                             FIELD(value, TCR_EL1_SH0)};
    const struct half high = {FIELD(value, TCR_EL1_T1SZ), (value & TCR_EL1_EPD1_BIT) != 0,
                              high_granules[FIELD(value, TCR_EL1_TG1)], FIELD(value, TCR_EL1_IRGN1),
                              FIELD(value, TCR_EL1_SH1)};
    put_half(words, "low half", &low);
    put_half(words, "high half", &high);
    phrase_list(words, "%u-bit physical addresses", bits[FIELD(value, TCR_EL1_IPS)]);
    phrase_list(words, "ASID of TTBR%u, %u bits", (value & TCR_EL1_A1_BIT) != 0 ? 1U : 0U,
                (value & TCR_EL1_AS_BIT) != 0 ? 16U : 8U);
    put_flags(words, value, flags, TABLE_SIZE(flags));
}

static void put_ttbr(struct phrase *words, uint64_t value)
{
    const uint64_t table = value & TTBR0_EL1_BADDR_MASK;
    phrase_list(words, "table at 0x%" PRIx64, table);
    phrase_list(words, "ASID %u", FIELD(value, TTBR0_EL1_ASID));
    if ((value & TTBR0_EL1_CNP_BIT) != 0) {
        phrase_list(words, "common not private");
    }
}

/* Attributes that repeat Attr0's 0 say nothing new: an unused index reads as Device-nGnRnE. */
static void put_mair(struct phrase *words, uint64_t value)
{
    char text[96];
    for (unsigned i = 0; i < 8; i++) {
        uint8_t attribute = (uint8_t)(value >> 8 * i);
        if (i == 0 || attribute != 0) {
            rig_walk_memory_text(attribute, text, sizeof(text));
            phrase_list(words, "%u: %s", i, text);
        }
    }
}

static void put_daif(struct phrase *words, uint64_t value)
{
    static const struct flag flags[] = {
        {PSTATE_D_BIT, "D"}, {PSTATE_A_BIT, "A"}, {PSTATE_I_BIT, "I"}, {PSTATE_F_BIT, "F"}};
    if ((value & PSTATE_DAIF_MASK) == 0) {
        phrase_list(words, "nothing masked");
        return;
    }
    phrase_list(words, "masked ");
    for (size_t i = 0; i < TABLE_SIZE(flags); i++) {
        if ((value & flags[i].mask) != 0) {
            phrase_add(words, "%s", flags[i].word);
        }
    }
}

static void put_spsr(struct phrase *words, uint64_t value)
{
    if ((value & PSTATE_NRW_BIT) != 0) {
        phrase_list(words, "AArch32");
    } else if (FIELD(value, PSTATE_EL) == 0) {
        phrase_list(words, "EL0");
    } else {
        phrase_list(words, "EL%u with SP_EL%u", FIELD(value, PSTATE_EL),
                    (value & PSTATE_SPSEL_BIT) != 0 ? FIELD(value, PSTATE_EL) : 0U);
    }
    put_daif(words, value);
}

static void put_cpacr(struct phrase *words, uint64_t value)
{
    switch (value & CPACR_EL1_FPEN_MASK) {
    case CPACR_EL1_FPEN_NO_TRAP:
        phrase_list(words, "FP and SIMD trap nowhere");
        break;
    case CPACR_EL1_FPEN_TRAP_EL0:
        phrase_list(words, "FP and SIMD trap at EL0");
        break;
    default:
        phrase_list(words, "FP and SIMD trap at EL0 and EL1");
        break;
    }
}

static void put_hcr(struct phrase *words, uint64_t value)
{
    static const struct flag flags[] = {
        {HCR_EL2_VM_BIT, "stage 2 on"},
        {HCR_EL2_E2H_BIT, "host at EL2 (E2H)"},
        {HCR_EL2_TGE_BIT, "EL0 traps to EL2 (TGE)"},
        {HCR_EL2_TVM_BIT, "EL1's MMU writes trap"},
        {HCR_EL2_TSC_BIT, "SMC traps"},
        {HCR_EL2_IMO_BIT, "IRQ to EL2"},
        {HCR_EL2_FMO_BIT, "FIQ to EL2"},
        {HCR_EL2_AMO_BIT, "SError to EL2"},
    };
    phrase_list(words, "EL1 is AArch%s", (value & HCR_EL2_RW_BIT) != 0 ? "64" : "32");
    put_flags(words, value, flags, TABLE_SIZE(flags));
}

static void put_cptr(struct phrase *words, uint64_t value)
{
    phrase_list(words, "FP and SIMD %s", (value & CPTR_EL2_TFP_BIT) != 0 ? "trap" : "do not trap");
}

const char *register_words(uint32_t sys, uint64_t value, char out[static REGISTER_WORDS])
{
    struct phrase words = phrase_begin(out, REGISTER_WORDS);
    switch (sys) {
    case A64_SCTLR_EL1:
    case A64_SCTLR_EL12:
    case A64_SCTLR_EL2:
    case A64_SCTLR_EL3:
        put_sctlr(&words, value);
        break;
    case A64_TCR_EL1:
    case A64_TCR_EL12:
        put_tcr(&words, value);
        break;
    case A64_TTBR0_EL1:
    case A64_TTBR1_EL1:
    case A64_TTBR0_EL12:
    case A64_TTBR1_EL12:
    case A64_TTBR0_EL2:
    case A64_TTBR1_EL2:
    case A64_TTBR0_EL3:
        put_ttbr(&words, value);
        break;
    case A64_MAIR_EL1:
    case A64_MAIR_EL12:
    case A64_MAIR_EL2:
    case A64_MAIR_EL3:
        put_mair(&words, value);
        break;
    case A64_SPSR_EL1:
    case A64_SPSR_EL12:
    case A64_SPSR_EL2:
    case A64_SPSR_EL3:
        put_spsr(&words, value);
        break;
    case A64_DAIF_REGISTER:
        put_daif(&words, value);
        break;
    case A64_CPACR_EL1:
    case A64_CPACR_EL12:
        put_cpacr(&words, value);
        break;
    case A64_HCR_EL2:
        put_hcr(&words, value);
        break;
    case A64_CPTR_EL2:
    case A64_CPTR_EL3:
        put_cptr(&words, value);
        break;
    default:
        break;
    }
    return out;
}

/* DDI 0487, D1.3.4 "Exception vectors": 4 groups of 4. */
const char *vector_words(uint32_t offset)
{
    static const char *const words[4][4] = {
        {"synchronous, same EL with SP_EL0", "IRQ, same EL with SP_EL0", "FIQ, same EL with SP_EL0",
         "SError, same EL with SP_EL0"},
        {"synchronous, same EL", "IRQ, same EL", "FIQ, same EL", "SError, same EL"},
        {"synchronous, from a lower EL", "IRQ, from a lower EL", "FIQ, from a lower EL",
         "SError, from a lower EL"},
        {"synchronous, from AArch32", "IRQ, from AArch32", "FIQ, from AArch32",
         "SError, from AArch32"},
    };
    return offset % 0x80 == 0 && offset < 0x800 ? words[offset >> 9][offset >> 7 & 3] : "no vector";
}
