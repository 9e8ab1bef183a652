/* Halves that are enabled and cannot be walked as they are. */
#include <inttypes.h>
#include <stdio.h>

#include "audit_rule.h"

enum { ROOT_NULL, ROOT_NULL_IN_RAM, BAD_SIZE, BAD_GRANULE, ROOT_ADDRESS };

static const struct audit_message MESSAGES[] = {
    [ROOT_NULL] = {AUDIT_ERROR, "walks of this half are enabled and its root register is 0",
                   "any access in the half, also one made ahead of time, walks whatever lies at "
                   "physical address 0",
                   "set TCR_EL1.EPDn until there is a table, or point the root at an empty one"},
    [ROOT_NULL_IN_RAM] = {AUDIT_NOTE, "the root register is 0, and there is RAM at address 0",
                          "right if the root table lies there; a register that was never written "
                          "looks the same",
                          "nothing, if it is meant; otherwise set TCR_EL1.EPDn"},
    [BAD_SIZE] = {AUDIT_ERROR, "TnSZ of this half is out of range",
                  "each CPU may fault on every access or take another size",
                  "give TCR_ELx.TnSZ a value that the granule and the CPU have"},
    [BAD_GRANULE] = {AUDIT_ERROR, "the granule of this half is reserved, or the CPU lacks it",
                     "each CPU may take it for another granule, and read the tables wrongly",
                     "give TCR_ELx.TGn a granule of ID_AA64MMFR0_EL1"},
    [ROOT_ADDRESS] = {AUDIT_ERROR, "the root's address is beyond the configured address size",
                      "every access in the half ends in an address size fault",
                      "correct the root register, or raise TCR_ELx.IPS (PS)"},
};

static const char *excuse(const struct audit_scene *scene, bool *blocks)
{
    for (size_t i = 0; i < scene->half_count; i++) {
        const struct rig_walk_half *half = &scene->halves[i].geometry;

        if (!scene->flat && half->walk_disabled == 0 && half->status == RIG_WALK_UNSUPPORTED &&
            half->reason != RIG_WALK_REASON_GRANULE) {
            *blocks = true;
            return half->reason == RIG_WALK_REASON_VA52
                       ? "52-bit virtual addresses are not walked (FEAT_LVA)"
                       : "52-bit physical addresses are not walked (FEAT_LPA, FEAT_LPA2)";
        }
    }
    return NULL;
}

static void report(struct audit_rule *rule, unsigned message, const struct audit_half *half)
{
    struct audit_finding finding =
        audit_gap_finding(half->geometry.first_va, half->geometry.last_va);

    finding.what = (struct audit_what){.kind = AUDIT_WHAT_HALF, .upper = half->upper};
    finding.argument = half->root_register;
    audit_report(rule, message, finding);
}

static void judge_half(struct audit_rule *rule, const struct audit_half *half)
{
    const struct rig_walk_half *geometry = &half->geometry;

    if (geometry->status != RIG_WALK_OK) {
        if (geometry->reason == RIG_WALK_REASON_GRANULE) {
            report(rule, BAD_GRANULE, half);
        } else {
            report(rule, geometry->reason == RIG_WALK_REASON_TTBR_ADDRESS ? ROOT_ADDRESS : BAD_SIZE,
                   half);
        }
    } else if (geometry->root_pa == 0) {
        struct audit_piece piece = audit_memory_at(rule->scene->memory, 0, geometry->root_size - 1);

        report(rule, piece.kind == AUDIT_RAM ? ROOT_NULL_IN_RAM : ROOT_NULL, half);
    }
}

static void judge(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->half_count; i++) {
        const struct audit_half *half = &rule->scene->halves[i];

        if (!rule->scene->flat && half->geometry.walk_disabled == 0) {
            rule->subjects++;
            judge_half(rule, half);
        }
    }
}

static void particulars(const struct audit_scene *scene, const struct audit_finding *finding,
                        char *text, size_t size)
{
    snprintf(text, size, "TTBR%u_EL%c is 0x%" PRIx64 ", TCR_EL%c is 0x%" PRIx64,
             finding->what.upper, scene->el2 ? '2' : '1', finding->argument, scene->el2 ? '2' : '1',
             scene->regs.tcr);
}

const struct audit_rule_module AUDIT_WALKS_OFF = {
    .info = {.id = "walks-off",
             .title = "a half that is enabled can be walked",
             .section = "DDI 0487, D8.2 Translation process",
             .level_max = AUDIT_ERROR},
    .messages = MESSAGES,
    .excuse = excuse,
    .judge = judge,
    .particulars = particulars,
};
