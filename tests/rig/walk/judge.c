/* All answers of QEMU's CPU against the walker. */
#include "judge.h"

#include <inttypes.h>
#include <stdio.h>

#include "compare.h"

#define BIT(n) (UINT64_C(1) << (n))

const char *const known_texts[KNOWN_COUNT] = {
    [KNOWN_BLOCK_LEVEL] = "block descriptors are taken at levels that have none",
    [KNOWN_ADDRESS_64K] = "descriptor bits 15:12 are ignored with the 64 KiB granule and a 48-bit "
                          "output size, where they are address bits 51:48 and must be 0",
    [KNOWN_HPD] = "TCR_ELx.HPDn, which is RES0 without FEAT_HPDS, acts on CPUs without it",
    [KNOWN_PAR_SHAREABILITY] = "PAR_EL1.SH is the descriptor's field for Device and Non-cacheable "
                               "memory, which is Outer Shareable (0 with the MMU off)",
};

const char *const subject_texts[SUBJECT_COUNT] = {
    [SUBJECT_AT_EL1] = "AT S1E1R and S1E1W",
    [SUBJECT_AT_EL0] = "AT S1E0R and S1E0W",
    [SUBJECT_AT_PAN] = "AT S1E1RP and S1E1WP with PSTATE.PAN = 1",
    [SUBJECT_AT_EL2] = "AT S1E2R and S1E2W",
    [SUBJECT_EXECUTE_EL1] = "jumps at EL1",
    [SUBJECT_EXECUTE_EL0] = "jumps at EL0",
    [SUBJECT_EXECUTE_EL2] = "jumps at EL2",
};

/* One probe: what it asked, and the same question as QEMU's known ways would have it. */
struct hearing {
    struct question question;
    struct question as_qemu[KNOWN_COUNT];
    bool has_other[KNOWN_COUNT];
    const struct image *asked;
    const struct lie *lie;
    struct tally *tally;
    uint64_t scenario_index;
};

static void tell(const struct hearing *hearing, const char *what, const char *difference)
{
    const struct question *question = &hearing->question;
    const struct rig_walk_regs *regs = &question->regs;
    const struct rig_walk_result *walk = &question->walk;
    char text[512];

    if (hearing->tally->mismatches++ >= hearing->tally->shown) {
        return;
    }
    (void)rig_walk_describe(walk, text, sizeof(text));
    (void)printf("MISMATCH scenario %" PRIu64 ", %s of 0x%" PRIx64 ": %s\n    walker: %s\n",
                 hearing->scenario_index, what, question->probe->va, difference, text);
    (void)printf("    regime %" PRIu64 ", SCTLR 0x%" PRIx64 ", TCR 0x%" PRIx64 ", TTBR0 0x%" PRIx64
                 ", TTBR1 0x%" PRIx64 ", MAIR 0x%" PRIx64 "\n",
                 regs->regime, regs->sctlr, regs->tcr, regs->ttbr0, regs->ttbr1, regs->mair);
    for (unsigned i = 0; i < walk->step_count; i++) {
        (void)printf("    level %u: 0x%016" PRIx64 " at 0x%" PRIx64 "\n", walk->steps[i].level,
                     walk->steps[i].descriptor, walk->steps[i].descriptor_pa);
    }
}

static void count(struct hearing *hearing, enum subject subject, bool allowed)
{
    hearing->tally->compared[subject]++;
    hearing->tally->allowed[subject] += allowed ? 1 : 0;
}

static void judge_at(struct hearing *hearing, enum layout_at at, enum subject subject,
                     const char *what)
{
    const enum known others[] = {KNOWN_ADDRESS_64K, KNOWN_HPD};
    struct tally *tally = hearing->tally;
    char text[COMPARE_TEXT];
    char other_text[COMPARE_TEXT];
    enum agreement agreement = compare_at(&hearing->question, at, text);

    count(hearing, subject, compare_at_allowed(&hearing->question, at));
    for (size_t i = 0; agreement == DISAGREES && i < sizeof(others) / sizeof(others[0]); i++) {
        if (hearing->has_other[others[i]]) {
            agreement = compare_at(&hearing->as_qemu[others[i]], at, other_text);
            tally->known[others[i]] += agreement != DISAGREES ? 1 : 0;
        }
    }
    if (agreement == AGREES_BUT_SHAREABILITY) {
        tally->known[KNOWN_PAR_SHAREABILITY]++;
    } else if (agreement == DISAGREES && compare_reserved_block(&hearing->question, at)) {
        tally->known[KNOWN_BLOCK_LEVEL]++;
    } else if (agreement == DISAGREES) {
        tell(hearing, what, text);
    }
}

static void judge_jump(struct hearing *hearing, enum who who, enum subject subject)
{
    const enum known others[] = {KNOWN_ADDRESS_64K, KNOWN_HPD};
    char text[COMPARE_TEXT];
    char other_text[COMPARE_TEXT];
    enum agreement agreement = compare_jump(&hearing->question, who, text);

    count(hearing, subject, compare_jump_allowed(&hearing->question, who));
    for (size_t i = 0; agreement == DISAGREES && i < sizeof(others) / sizeof(others[0]); i++) {
        if (hearing->has_other[others[i]]) {
            agreement = compare_jump(&hearing->as_qemu[others[i]], who, other_text);
            hearing->tally->known[others[i]] += agreement != DISAGREES ? 1 : 0;
        }
    }
    if (agreement == DISAGREES) {
        tell(hearing, subject_texts[subject], text);
    }
}

/* Walk with what QEMU is known to do otherwise, where it makes a difference to the registers. */
static void prepare_others(struct hearing *hearing)
{
    const struct question *question = &hearing->question;
    const struct rig_walk_regs *regs = &question->regs;
    bool el2 = regs->regime == RIG_WALK_REGIME_EL2;
    bool upper = !el2 && (question->probe->va & BIT(55)) != 0;
    uint64_t hpd = el2 ? BIT(24) : (upper ? BIT(42) : BIT(41));
    bool hpds = (regs->id_aa64mmfr1 & UINT64_C(0xf000)) != 0;
    struct rig_walk_half half;
    struct question *other;

    rig_walk_half(regs, upper, &half);
    hearing->has_other[KNOWN_ADDRESS_64K] = half.granule_bits == 16;
    hearing->has_other[KNOWN_HPD] = !hpds && (regs->tcr & hpd) != 0;
    if (half.granule_bits == 16) {
        other = &hearing->as_qemu[KNOWN_ADDRESS_64K];
        *other = *question;
        other->walk =
            lie_walk(hearing->lie, regs, hearing->asked, question->probe->va, UINT64_C(0xf000));
    }
    if (hearing->has_other[KNOWN_HPD]) {
        other = &hearing->as_qemu[KNOWN_HPD];
        *other = *question;
        other->regs.id_aa64mmfr1 |= BIT(12);
        other->walk = lie_walk(hearing->lie, &other->regs, hearing->asked, question->probe->va, 0);
    }
}

static void ask(struct hearing *hearing, uint64_t pstate)
{
    struct question *question = &hearing->question;

    question->regs.pstate = pstate;
    question->walk =
        lie_walk(hearing->lie, &question->regs, hearing->asked, question->probe->va, 0);
    prepare_others(hearing);
}

static void judge_el1(struct hearing *hearing)
{
    const struct question *question = &hearing->question;
    const struct rig_walk_attributes *attr = &question->walk.attr;
    bool pan2 = (question->regs.id_aa64mmfr1 >> 20 & 0xf) >= 2;

    judge_at(hearing, AT_EL1_READ, SUBJECT_AT_EL1, "AT S1E1R");
    judge_at(hearing, AT_EL1_WRITE, SUBJECT_AT_EL1, "AT S1E1W");
    judge_at(hearing, AT_EL0_READ, SUBJECT_AT_EL0, "AT S1E0R");
    judge_at(hearing, AT_EL0_WRITE, SUBJECT_AT_EL0, "AT S1E0W");
    if ((question->probe->execute & BIT(EXECUTE_PRIVILEGED_BIT)) != 0) {
        judge_jump(hearing, WHO_EL1, SUBJECT_EXECUTE_EL1);
    }
    if ((question->probe->execute & BIT(EXECUTE_EL0_BIT)) != 0) {
        judge_jump(hearing, WHO_EL0, SUBJECT_EXECUTE_EL0);
    }
    if (question->e0pd && (attr->el0_read | attr->el0_write | attr->el0_exec) != 0) {
        tell(hearing, "E0PD", "the walker gives EL0 rights");
    }
    if (pan2) {
        ask(hearing, BIT(22));
        judge_at(hearing, AT_PAN_READ, SUBJECT_AT_PAN, "AT S1E1RP");
        judge_at(hearing, AT_PAN_WRITE, SUBJECT_AT_PAN, "AT S1E1WP");
    }
}

static void judge_el2(struct hearing *hearing)
{
    judge_at(hearing, AT_EL1_READ, SUBJECT_AT_EL2, "AT S1E2R");
    judge_at(hearing, AT_EL1_WRITE, SUBJECT_AT_EL2, "AT S1E2W");
    if ((hearing->question.probe->execute & BIT(EXECUTE_PRIVILEGED_BIT)) != 0) {
        judge_jump(hearing, WHO_EL2, SUBJECT_EXECUTE_EL2);
    }
}

static bool has_e0pd(const struct rig_walk_regs *regs, uint64_t va)
{
    return regs->regime == RIG_WALK_REGIME_EL1_0 && (regs->sctlr & 1) != 0 &&
           regs->id_aa64mmfr2 >> 60 != 0 &&
           (regs->tcr & ((va & BIT(55)) != 0 ? BIT(56) : BIT(55))) != 0;
}

static void judge_probe(struct hearing *hearing)
{
    struct question *question = &hearing->question;
    struct tally *tally = hearing->tally;

    question->e0pd = has_e0pd(&question->regs, question->probe->va);
    ask(hearing, 0);
    tally->status[question->walk.status]++;
    if (question->walk.status == RIG_WALK_UNSUPPORTED) {
        tally->unsupported++;
    } else if (!scenario_knows(question->scenario, &question->walk) ||
               (hearing->has_other[KNOWN_ADDRESS_64K] &&
                !scenario_knows(question->scenario, &hearing->as_qemu[KNOWN_ADDRESS_64K].walk))) {
        tally->elsewhere++;
    } else if (question->regs.regime == RIG_WALK_REGIME_EL2) {
        judge_el2(hearing);
    } else {
        judge_el1(hearing);
    }
}

void judge_all(const struct image *asked, const struct image *answered, const struct cpu *cpu,
               const struct lie *lie, struct tally *tally)
{
    uint64_t scenarios = image_header(asked)->scenario_count;

    for (uint64_t i = 0; i < scenarios; i++) {
        const struct layout_scenario *scenario = image_scenario(asked, i);
        struct hearing hearing = {.asked = asked, .lie = lie, .tally = tally, .scenario_index = i};

        for (uint64_t j = 0; j < scenario->probe_count; j++) {
            hearing.question = (struct question){.scenario = scenario,
                                                 .probe = image_probe(answered, scenario, j),
                                                 .regs = scenario_regs(scenario, cpu)};
            judge_probe(&hearing);
        }
    }
}
