/* One answer of QEMU's CPU against one walk. */
#include "compare.h"

#include <inttypes.h>
#include <stdio.h>

#define BIT(n)  (UINT64_C(1) << (n))
#define PAR_PA  UINT64_C(0xffffffffff000)
#define FLAT_SH 0 /* what QEMU 7.2 has in PAR_EL1.SH with the MMU off */

/* Exception classes. */
enum { SVC = 0x15, SMC = 0x17, FETCH_FROM_LOWER = 0x20, FETCH = 0x21, DATA = 0x25 };
/* Fault status codes; the level is added. */
enum { ADDRESS_SIZE = 0x00, TRANSLATION = 0x04, ACCESS_FLAG = 0x08, PERMISSION = 0x0c };
enum { EXTERNAL_ON_WALK = 0x14 };
enum { OUTER_SHAREABLE = 2, VECTOR_SAME_EL = 0x200, VECTOR_LOWER_EL = 0x400 };

/* What must come of one access. */
struct expected {
    bool allowed;
    bool external;   /* an external abort on the walk, which AT takes as an exception */
    unsigned status; /* fault status code */
};

static struct expected fault(unsigned code, unsigned level)
{
    return (struct expected){.status = code + level};
}

static struct expected expect(const struct question *question, bool right, bool el0)
{
    const struct rig_walk_result *walk = &question->walk;
    struct expected expected = {.allowed = true};

    if (el0 && question->e0pd) {
        return fault(TRANSLATION, 0); /* whatever the tables say */
    }
    switch (walk->status) {
    case RIG_WALK_OK:
        return right ? expected : fault(PERMISSION, walk->level);
    case RIG_WALK_FAULT_TRANSLATION:
        return fault(TRANSLATION, walk->level);
    case RIG_WALK_FAULT_ACCESS_FLAG:
        return fault(ACCESS_FLAG, walk->level);
    case RIG_WALK_FAULT_ADDRESS_SIZE:
        return fault(ADDRESS_SIZE, walk->level);
    case RIG_WALK_READ_FAILED:
        expected = fault(EXTERNAL_ON_WALK, walk->level);
        expected.external = true;
        return expected;
    default:
        return fault(TRANSLATION, 0); /* a hole, walks disabled */
    }
}

static bool at_right(const struct rig_walk_attributes *attr, enum layout_at at)
{
    switch (at) {
    case AT_EL1_READ:
        return attr->el1_read != 0;
    case AT_EL1_WRITE:
        return attr->el1_write != 0;
    case AT_EL0_READ:
        return attr->el0_read != 0;
    case AT_EL0_WRITE:
        return attr->el0_write != 0;
    case AT_PAN_READ:
        return attr->el1_read != 0 && attr->pan_blocks_el1 == 0;
    case AT_PAN_WRITE:
    default:
        return attr->el1_write != 0 && attr->pan_blocks_el1 == 0;
    }
}

static struct expected expect_at(const struct question *question, enum layout_at at)
{
    return expect(question, at_right(&question->walk.attr, at),
                  at == AT_EL0_READ || at == AT_EL0_WRITE);
}

static struct expected expect_jump(const struct question *question, enum who who)
{
    const struct rig_walk_attributes *attr = &question->walk.attr;

    return expect(question, who == WHO_EL0 ? attr->el0_exec != 0 : attr->el1_exec != 0,
                  who == WHO_EL0);
}

bool compare_at_allowed(const struct question *question, enum layout_at at)
{
    return expect_at(question, at).allowed;
}

bool compare_jump_allowed(const struct question *question, enum who who)
{
    return expect_jump(question, who).allowed;
}

/* Device and Non-cacheable memory: outer shareable, whatever the descriptor says. */
static bool is_always_outer(const struct rig_walk_attributes *attr)
{
    return (attr->mair_attr & 0xf0) == 0 || attr->mair_attr == 0x44 || attr->mair_attr == 0x40;
}

/* PAR_EL1 of a translation: address, attributes, shareability. */
static enum agreement compare_par(const struct question *question, uint64_t par,
                                  char text[static COMPARE_TEXT])
{
    const struct rig_walk_attributes *attr = &question->walk.attr;
    unsigned memory = (unsigned)(par >> 56);
    unsigned sh = (unsigned)(par >> 7) & 3;
    unsigned field = attr->flat != 0 ? FLAT_SH : attr->sh;

    if ((par & PAR_PA) != (question->walk.pa & ~UINT64_C(0xfff))) {
        (void)snprintf(text, COMPARE_TEXT, "QEMU's PA is 0x%" PRIx64, par & PAR_PA);
        return DISAGREES;
    }
    if (attr->memory != RIG_WALK_MEMORY_RESERVED && memory != attr->mair_attr) {
        (void)snprintf(text, COMPARE_TEXT, "QEMU's memory attribute is 0x%02x", memory);
        return DISAGREES;
    }
    if (sh != attr->shareability) {
        (void)snprintf(text, COMPARE_TEXT, "QEMU's shareability is %u", sh);
        return sh == field && attr->shareability == OUTER_SHAREABLE && is_always_outer(attr)
                   ? AGREES_BUT_SHAREABILITY
                   : DISAGREES;
    }
    return AGREES;
}

enum agreement compare_at(const struct question *question, enum layout_at at,
                          char text[static COMPARE_TEXT])
{
    const struct layout_at_answer *answer = &question->probe->at[at];
    struct expected expected = expect_at(question, at);
    bool faulted = (answer->par & 1) != 0;
    unsigned status = (unsigned)(answer->par >> 1) & 0x3f;
    bool stage_2 = (answer->par & (BIT(8) | BIT(9))) != 0; /* with F = 1: PTW, S */

    if (answer->esr_el3 != 0 || expected.external) {
        (void)snprintf(text, COMPARE_TEXT, "QEMU's ESR_EL3 is 0x%" PRIx64 ", PAR_EL1 0x%" PRIx64,
                       answer->esr_el3, answer->par);
        return expected.external && answer->esr_el3 >> 26 == DATA &&
                       (answer->esr_el3 & 0x3f) == expected.status
                   ? AGREES
                   : DISAGREES;
    }
    if (expected.allowed && !faulted) {
        return compare_par(question, answer->par, text);
    }
    (void)snprintf(text, COMPARE_TEXT, "QEMU's PAR_EL1 is 0x%" PRIx64 ", expected %s 0x%02x",
                   answer->par, expected.allowed ? "success, not" : "fault status",
                   expected.status);
    return !expected.allowed && faulted && !stage_2 && status == expected.status ? AGREES
                                                                                 : DISAGREES;
}

/* The address as the PC has it, without its tag: DDI 0487 D8.8, "Address tagging". */
static uint64_t as_pc(const struct question *question)
{
    uint64_t va = question->probe->va;
    bool upper = question->regs.regime == RIG_WALK_REGIME_EL1_0 && (va & BIT(55)) != 0;
    struct rig_walk_half half;

    rig_walk_half(&question->regs, upper, &half);
    if (half.tbi != 0) {
        va = upper ? va | UINT64_C(0xff) << 56 : va & ~(UINT64_C(0xff) << 56);
    }
    return va;
}

/* A jump comes back through the vectors' SMC: after SVC, which names the word that was executed, or
 * after an instruction abort. */
enum agreement compare_jump(const struct question *question, enum who who,
                            char text[static COMPARE_TEXT])
{
    const struct layout_execution *jump = &question->probe->execution[who == WHO_EL0 ? 1 : 0];
    struct expected expected = expect_jump(question, who);
    uint64_t vector =
        question->scenario->vbar + (who == WHO_EL0 ? VECTOR_LOWER_EL : VECTOR_SAME_EL);
    uint64_t word = (question->walk.pa - LAYOUT_LANDING_PA) / 4;
    unsigned exception = (unsigned)(jump->esr >> 26);

    (void)snprintf(text, COMPARE_TEXT,
                   "QEMU's ESR_EL3 is 0x%" PRIx64 ", ELR_EL3 0x%" PRIx64 ", ESR 0x%" PRIx64
                   ", ELR 0x%" PRIx64 ", FAR 0x%" PRIx64 ", expected %s 0x%" PRIx64,
                   jump->esr_el3, jump->elr_el3, jump->esr, jump->elr, jump->far,
                   expected.allowed ? "SVC" : "an instruction abort with status",
                   expected.allowed ? word : (uint64_t)expected.status);
    if (jump->esr_el3 >> 26 != SMC || jump->elr_el3 != vector + 4) {
        return DISAGREES;
    }
    if (expected.allowed) {
        return exception == SVC && (jump->esr & 0xffff) == word && jump->elr == as_pc(question) + 4
                   ? AGREES
                   : DISAGREES;
    }
    return exception == (who == WHO_EL0 ? FETCH_FROM_LOWER : FETCH) &&
                   (jump->esr & 0x3f) == expected.status && jump->elr == as_pc(question) &&
                   jump->far == as_pc(question)
               ? AGREES
               : DISAGREES;
}

bool compare_reserved_block(const struct question *question, enum layout_at at)
{
    const struct rig_walk_result *walk = &question->walk;
    uint64_t par = question->probe->at[at].par;
    unsigned status = (unsigned)(par >> 1) & 0x3f;
    uint64_t base;

    if (walk->status != RIG_WALK_FAULT_TRANSLATION || walk->reason != RIG_WALK_REASON_RESERVED ||
        walk->level == 3 || question->probe->at[at].esr_el3 != 0) {
        return false;
    }
    if ((par & 1) != 0) {
        return status == PERMISSION + (unsigned)walk->level ||
               status == ACCESS_FLAG + (unsigned)walk->level ||
               status == ADDRESS_SIZE + (unsigned)walk->level;
    }
    base = walk->steps[walk->step_count - 1].descriptor & UINT64_C(0xfffffffff000);
    return (par & PAR_PA) ==
           (((base & ~(walk->size - 1)) | (walk->va & (walk->size - 1))) & ~UINT64_C(0xfff));
}
