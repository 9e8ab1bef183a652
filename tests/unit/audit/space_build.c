#include "space_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LAST_LEVEL = 3, TABLES_SIZE = 0x100000, GRANULE_4K = 12, GRANULE_16K = 14 };

static void add_memory(struct snapshot *snapshot, uint64_t first, uint64_t last,
                       enum snapshot_memory_kind kind, const char *name)
{
    snapshot->memory[snapshot->memory_count++] = (struct snapshot_memory){first, last, kind, name};
}

static void begin(struct space *space, unsigned granule_bits)
{
    struct snapshot *snapshot = &space->item.snapshot;

    *space = (struct space){.granule_bits = granule_bits, .next_table = TABLES_PA};
    space->item.path = "built";
    space->item.spec = &space->spec;
    snapshot->walkable = true;
    snapshot->header = json_object();
    snapshot->memory = calloc(8, sizeof(snapshot->memory[0]));
    add_memory(snapshot, ROM_PA, UINT64_C(0x03ffffff), SNAPSHOT_ROM, "flash");
    add_memory(snapshot, UINT64_C(0x08000000), UINT64_C(0x0affffff), SNAPSHOT_IO, "devices");
    add_memory(snapshot, UINT64_C(0x0b000000), UINT64_C(0x0b000017), SNAPSHOT_IO, "fw_cfg");
    add_memory(snapshot, RAM_PA, RAM_PA + RAM_SIZE - 1, SNAPSHOT_RAM, "ram");
    snapshot->frames = calloc(1, sizeof(snapshot->frames[0]));
    snapshot->frames[0] = (struct snapshot_frames){TABLES_PA, TABLES_SIZE, calloc(1, TABLES_SIZE)};
    snapshot->frame_count = 1;
    assert_non_null(snapshot->memory);
    assert_non_null(snapshot->frames[0].bytes);
}

static uint64_t take_table(struct space *space)
{
    uint64_t pa = space->next_table;

    space->next_table += UINT64_C(1) << space->granule_bits;
    assert_true(space->next_table <= TABLES_PA + TABLES_SIZE);
    return pa;
}

static uint64_t mair(void)
{
    static const uint8_t attributes[] = {
        [INDEX_NORMAL] = 0xff, [INDEX_DEVICE] = 0x00,   [INDEX_NC] = 0x44,
        [INDEX_WT] = 0xbb,     [INDEX_RESERVED] = 0x02, [INDEX_DEVICE_NGNRE] = 0x04};
    uint64_t value = 0;

    for (size_t i = 0; i < sizeof(attributes); i++) {
        value |= (uint64_t)attributes[i] << (8 * i);
    }
    return value;
}

/* All granules, 40-bit physical addresses; no other feature. */
#define MMFR0 UINT64_C(0x00100002)

void space_begin(struct space *space, unsigned granule_bits)
{
    struct rig_walk_regs *regs = &space->item.snapshot.regs;
    uint64_t tg0 = TCR_EL1_TG0_4K;
    uint64_t tg1 = TCR_EL1_TG1_4K;
    uint64_t size = 25;

    begin(space, granule_bits);
    if (granule_bits == GRANULE_16K) {
        tg0 = TCR_EL1_TG0_16K;
        tg1 = TCR_EL1_TG1_16K;
        size = 28;
    } else if (granule_bits != GRANULE_4K) {
        tg0 = TCR_EL1_TG0_64K;
        tg1 = TCR_EL1_TG1_64K;
        size = 22;
    }
    *regs = (struct rig_walk_regs){
        .sctlr = SCTLR_EL1_M_BIT | SCTLR_EL1_C_BIT,
        .tcr = size << TCR_EL1_T0SZ_SHIFT | size << TCR_EL1_T1SZ_SHIFT | tg0 | tg1 |
               TCR_EL1_IRGN0_WBWA | TCR_EL1_ORGN0_WBWA | TCR_EL1_SH0_INNER | TCR_EL1_IRGN1_WBWA |
               TCR_EL1_ORGN1_WBWA | TCR_EL1_SH1_INNER | UINT64_C(2) << TCR_EL1_IPS_SHIFT,
        .mair = mair(),
        .id_aa64mmfr0 = MMFR0,
        .pstate = 0x3c5,
        .regime = RIG_WALK_REGIME_EL1_0,
    };
    regs->ttbr0 = take_table(space);
    regs->ttbr1 = take_table(space);
}

void space_begin_el2(struct space *space)
{
    struct rig_walk_regs *regs = &space->item.snapshot.regs;

    begin(space, GRANULE_4K);
    *regs = (struct rig_walk_regs){
        .sctlr = SCTLR_EL1_M_BIT | SCTLR_EL1_C_BIT,
        .tcr = UINT64_C(25) << TCR_EL2_T0SZ_SHIFT | TCR_EL2_IRGN0_WBWA | TCR_EL2_ORGN0_WBWA |
               TCR_EL2_SH0_INNER | UINT64_C(2) << TCR_EL2_PS_SHIFT,
        .mair = mair(),
        .id_aa64mmfr0 = MMFR0,
        .pstate = 0x3c9,
        .regime = RIG_WALK_REGIME_EL2,
    };
    regs->ttbr0 = take_table(space);
}

void space_end(struct space *space)
{
    audit_case_close(&space->item);
}

uint64_t space_upper(const struct space *space)
{
    struct rig_walk_half half;

    rig_walk_half(&space->item.snapshot.regs, 1, &half);
    return half.first_va;
}

unsigned space_shift(const struct space *space, unsigned level)
{
    return space->granule_bits + (LAST_LEVEL - level) * (space->granule_bits - 3);
}

static uint64_t *word(struct space *space, uint64_t pa)
{
    assert_true(pa >= TABLES_PA && pa < TABLES_PA + TABLES_SIZE);
    return (uint64_t *)(void *)(space->item.snapshot.frames[0].bytes + (pa - TABLES_PA));
}

uint64_t space_table(struct space *space, uint64_t va, unsigned level)
{
    const struct rig_walk_regs *regs = &space->item.snapshot.regs;
    uint64_t index_mask = (UINT64_C(1) << (space->granule_bits - 3)) - 1;
    bool upper = (va >> 55 & 1) != 0;
    struct rig_walk_half half;
    uint64_t table;

    rig_walk_half(regs, upper, &half);
    assert_int_equal(half.status, RIG_WALK_OK);
    table = half.root_pa;
    for (unsigned at = half.start_level; at < level; at++) {
        uint64_t within = at == half.start_level ? (half.last_va - half.first_va) & va : va;
        uint64_t *entry =
            word(space, table + ((within >> space_shift(space, at)) & index_mask) * 8);

        if (*entry == 0) {
            *entry = take_table(space) | DESC_TYPE_BIT | DESC_VALID_BIT;
        }
        table = *entry & DESC_TABLE_NEXT_MASK & ~((UINT64_C(1) << space->granule_bits) - 1);
    }
    return table;
}

uint64_t *space_entry(struct space *space, uint64_t va, unsigned level)
{
    uint64_t index_mask = (UINT64_C(1) << (space->granule_bits - 3)) - 1;
    uint64_t table = space_table(space, va, level);
    struct rig_walk_half half;

    rig_walk_half(&space->item.snapshot.regs, (va >> 55 & 1) != 0, &half);
    if (level == half.start_level) {
        va &= half.last_va - half.first_va;
    }
    return word(space, table + ((va >> space_shift(space, level)) & index_mask) * 8);
}

void space_map(struct space *space, uint64_t va, uint64_t pa, unsigned level, uint64_t count,
               uint64_t bits)
{
    uint64_t size = UINT64_C(1) << space_shift(space, level);

    for (uint64_t i = 0; i < count; i++) {
        *space_entry(space, va + i * size, level) =
            (pa + i * size) | bits | DESC_VALID_BIT | (level == LAST_LEVEL ? DESC_TYPE_BIT : 0);
    }
}

void space_sound(struct space *space)
{
    uint64_t kernel = KERNEL_VA(space);
    uint64_t linear = LINEAR_VA(space);

    space_map(space, kernel, KERNEL_PA, 3, 4, KERNEL_TEXT);
    space_map(space, kernel + 0x4000, KERNEL_PA + 0x4000, 3, 4, KERNEL_RO);
    space_map(space, kernel + 0x8000, KERNEL_PA + 0x8000, 3, 4, KERNEL_DATA);
    space_map(space, linear, RAM_PA, 2, 1, KERNEL_DATA);
    space_map(space, linear + 0x200000, KERNEL_PA, 3, 8, KERNEL_RO);
    space_map(space, linear + 0x208000, KERNEL_PA + 0x8000, 3, 504, KERNEL_DATA);
    space_map(space, linear + 0x400000, RAM_PA + 0x400000, 2, 62, KERNEL_DATA);
    space_map(space, DEVICE_VA(space), DEVICE_PA, 3, 1, DEVICE);
    space_map(space, USER_TEXT_VA, USER_TEXT_PA, 3, 2, USER_TEXT);
    space_map(space, USER_DATA_VA, USER_DATA_PA, 3, 2, USER_DATA);
}

void space_judge(struct space *space, const char *rule)
{
    audit_selection selection = 0;

    assert_false(space->judged);
    space->judged = true;
    if (rule != NULL) {
        assert_true(audit_rule_index(rule) >= 0);
        selection = (audit_selection)1 << audit_rule_index(rule);
    }
    audit_case_judge(&space->item, selection);
}

uint64_t space_findings(const struct space *space, const char *rule, int level)
{
    uint64_t count = 0;

    for (size_t i = 0; i < space->item.result.count; i++) {
        const struct audit_finding *finding = &space->item.result.findings[i];

        count += (rule == NULL || strcmp(audit_rule_of(finding->rule)->id, rule) == 0) &&
                 (level < 0 || finding->level == level);
    }
    return count;
}

const struct audit_finding *space_finding(const struct space *space, const char *rule, uint64_t va)
{
    for (size_t i = 0; i < space->item.result.count; i++) {
        const struct audit_finding *finding = &space->item.result.findings[i];

        if (strcmp(audit_rule_of(finding->rule)->id, rule) == 0 && finding->first <= va &&
            va <= finding->last) {
            return finding;
        }
    }
    return NULL;
}

static void show(const struct space *space)
{
    audit_report_text(&space->item, stderr, false);
}

void space_expect(const struct space *space, const char *rule, enum audit_level level, uint64_t va,
                  const char *words)
{
    struct audit_words said;

    for (size_t i = 0; i < space->item.result.count; i++) {
        const struct audit_finding *finding = &space->item.result.findings[i];

        if (strcmp(audit_rule_of(finding->rule)->id, rule) != 0 || finding->first > va ||
            va > finding->last || finding->level != level) {
            continue;
        }
        audit_words_of(&space->item.scene, finding, &said);
        if (strstr(said.missing, words) != NULL || strstr(said.detail, words) != NULL ||
            strstr(said.what, words) != NULL) {
            assert_true(said.fix[0] != '\0');
            return;
        }
    }
    show(space);
    fail_msg("no finding of %s at 0x%llx says \"%s\"", rule, (unsigned long long)va, words);
}

void space_expect_clean(const struct space *space, const char *rule)
{
    const struct audit_rule_result *result = &space->item.result.rules[audit_rule_index(rule)];

    if (space_findings(space, rule, -1) != 0 || !result->judged || result->subjects == 0) {
        show(space);
        fail_msg("%s is not clean: judged %d, %llu subjects", rule, result->judged,
                 (unsigned long long)result->subjects);
    }
}
