#include "flip.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sysregs.h"

enum { LAST_LEVEL = 3, DESCRIPTOR_BYTES = 8 };

/* Physical memory with one descriptor changed. Stretches are few and asked for in runs. */
struct flip_memory {
    const struct snapshot *snapshot;
    size_t at; /* the stretch of the last read */
    uint64_t changed_pa;
    uint64_t changed;
};

static const struct snapshot_frames *stretch_of(struct flip_memory *memory, uint64_t pa)
{
    const struct snapshot *snapshot = memory->snapshot;
    size_t low = 0;
    size_t high = snapshot->frame_count;

    if (memory->at < high &&
        pa - snapshot->frames[memory->at].pa < snapshot->frames[memory->at].size) {
        return &snapshot->frames[memory->at];
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (snapshot->frames[middle].pa + (snapshot->frames[middle].size - 1) < pa) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == snapshot->frame_count || snapshot->frames[low].pa > pa) {
        return NULL;
    }
    memory->at = low;
    return &snapshot->frames[low];
}

static int read_changed(void *ctx, uint64_t pa, uint64_t *value)
{
    struct flip_memory *memory = ctx;
    const struct snapshot_frames *frames;

    if (pa == memory->changed_pa) {
        *value = memory->changed;
        return 0;
    }
    frames = stretch_of(memory, pa);
    if (frames == NULL || frames->size - (pa - frames->pa) < DESCRIPTOR_BYTES) {
        return 1;
    }
    memcpy(value, frames->bytes + (pa - frames->pa), DESCRIPTOR_BYTES);
    *value = le64toh(*value);
    return 0;
}

/* One run over everything. */
struct campaign {
    struct flips *flips;
    struct audit_case *item;
    audit_selection selection;
    struct flip_memory memory;
    struct audit_result base;            /* the snapshot as it is */
    struct audit_result result;          /* with one bit changed */
    size_t base_at[AUDIT_RULES_MAX + 1]; /* where each rule's findings begin */
    int map_rule;
    bool big_endian;
};

const char *flip_kind_name(enum flip_kind kind)
{
    static const char *const names[] = {"table", "block", "page", "invalid"};

    return names[kind];
}

static enum flip_kind kind_of(uint64_t descriptor, unsigned level)
{
    if ((descriptor & DESC_VALID_BIT) == 0) {
        return FLIP_INVALID;
    }
    if (level == LAST_LEVEL) {
        return FLIP_PAGE;
    }
    return (descriptor & DESC_TYPE_BIT) != 0 ? FLIP_TABLE : FLIP_BLOCK;
}

static bool same_matter(const struct audit_finding *left, const struct audit_finding *right)
{
    return left->level == right->level && left->message == right->message &&
           left->argument == right->argument && left->waiver == right->waiver;
}

/* Whether findings of the unchanged snapshot say the same of every address of this one. */
static bool known(const struct campaign *campaign, const struct audit_finding *finding)
{
    uint64_t at = finding->first;

    for (size_t i = campaign->base_at[finding->rule]; i < campaign->base_at[finding->rule + 1U];
         i++) {
        const struct audit_finding *base = &campaign->base.findings[i];

        if (same_matter(base, finding) && base->first <= at && base->last >= at) {
            if (base->last >= finding->last) {
                return true;
            }
            at = base->last + 1;
        }
    }
    return false;
}

static void use_harmless(struct campaign *campaign, const struct flip_survivor *flip,
                         struct flip_cell *cell)
{
    const struct audit_spec *spec = campaign->item->spec;
    struct flips *flips = campaign->flips;

    for (size_t i = 0; i < spec->harmless_count; i++) {
        const struct audit_harmless *line = &spec->harmless[i];

        if (strcmp(line->kind, flip_kind_name(flip->kind)) == 0 && line->low <= flip->bit &&
            flip->bit <= line->high) {
            flips->harmless_used[i] = true;
            cell->harmless++;
            return;
        }
    }
    if (flips->survivor_count < FLIP_SURVIVORS_MAX) {
        flips->survivors[flips->survivor_count] = *flip;
    }
    flips->survivor_count++;
}

static void tally(struct campaign *campaign, const struct flip_survivor *flip)
{
    struct flip_cell *cell = &campaign->flips->cells[flip->kind][flip->bit];
    uint32_t rules = 0;
    bool error = false;

    for (size_t i = 0; i < campaign->result.count; i++) {
        const struct audit_finding *finding = &campaign->result.findings[i];

        if (finding->waiver == 0 && !known(campaign, finding)) {
            rules |= UINT32_C(1) << finding->rule;
            error |= finding->level == AUDIT_ERROR;
        }
    }
    cell->flips++;
    if (rules == 0) {
        use_harmless(campaign, flip, cell);
        return;
    }
    cell->reported++;
    cell->by_error += error;
    cell->without_map += (rules & ~(UINT32_C(1) << campaign->map_rule)) != 0;
    for (unsigned i = 0; i < AUDIT_RULES_MAX; i++) {
        cell->rules[i] += rules >> i & 1U;
    }
}

static void flip(struct campaign *campaign, const struct flip_survivor *flip)
{
    uint64_t changed = flip->descriptor ^ UINT64_C(1) << flip->bit;

    campaign->memory.changed_pa = flip->descriptor_pa;
    campaign->memory.changed = campaign->big_endian ? __builtin_bswap64(changed) : changed;
    audit_scene_collect(&campaign->item->scene, read_changed, &campaign->memory);
    audit_judge(&campaign->item->scene, campaign->selection, &campaign->result);
    tally(campaign, flip);
}

static void flip_descriptor(struct campaign *campaign, struct flip_survivor target)
{
    unsigned bits = FLIP_BITS;

    target.kind = kind_of(target.descriptor, target.level);
    campaign->flips->descriptors[target.kind]++;
    if (target.kind == FLIP_INVALID) {
        bits = 1;
    }
    for (unsigned bit = 0; bit < bits; bit++) {
        target.bit = (uint8_t)bit;
        flip(campaign, &target);
    }
}

/* Where a table's entries are and what they translate, before anything is changed. */
struct flip_table {
    uint64_t pa;
    uint64_t size;
    uint64_t va;
    unsigned level;
    unsigned entry_bits;
};

static void flip_table(struct campaign *campaign, const struct flip_table *table)
{
    for (uint64_t offset = 0; offset < table->size; offset += DESCRIPTOR_BYTES) {
        struct flip_survivor target = {.level = (uint8_t)table->level,
                                       .descriptor_pa = table->pa + offset,
                                       .va = table->va +
                                             (offset / DESCRIPTOR_BYTES << table->entry_bits)};

        campaign->memory.changed_pa = UINT64_MAX;
        if (read_changed(&campaign->memory, target.descriptor_pa, &target.descriptor) == 0) {
            if (campaign->big_endian) {
                target.descriptor = __builtin_bswap64(target.descriptor);
            }
            flip_descriptor(campaign, target);
        }
    }
}

/* The tables, each byte once: the scene's own list changes with every flip. */
static struct flip_table *list_tables(const struct audit_scene *scene, size_t *count)
{
    struct flip_table *tables = memory_get(scene->frame_count, sizeof(tables[0]));
    uint64_t done = 0;

    *count = 0;
    for (size_t i = 0; i < scene->frame_count; i++) {
        const struct audit_frame *frame = &scene->frames[i];
        const struct audit_table *table = &scene->tables[frame->table];
        uint64_t last = frame->pa + (frame->size - 1);

        if (table->status == RIG_WALK_OK && (done == 0 || last > done)) {
            unsigned entry_bits =
                table->granule_bits + (LAST_LEVEL - table->level) * (table->granule_bits - 3U);

            tables[(*count)++] = (struct flip_table){frame->pa, frame->size, table->first_va,
                                                     table->level, entry_bits};
            done = last;
        }
    }
    return tables;
}

static void keep_base(struct campaign *campaign)
{
    size_t at = 0;

    campaign->memory.changed_pa = UINT64_MAX;
    audit_scene_collect(&campaign->item->scene, read_changed, &campaign->memory);
    audit_judge(&campaign->item->scene, campaign->selection, &campaign->base);
    for (size_t rule = 0; rule <= AUDIT_RULES_MAX; rule++) {
        while (at < campaign->base.count && campaign->base.findings[at].rule < rule) {
            at++;
        }
        campaign->base_at[rule] = at;
    }
}

static void add_up(struct flips *flips, const struct audit_spec *spec)
{
    for (size_t i = 0; i < FLIP_KINDS * FLIP_BITS; i++) {
        const struct flip_cell *cell = &flips->cells[i / FLIP_BITS][i % FLIP_BITS];

        flips->total.flips += cell->flips;
        flips->total.reported += cell->reported;
        flips->total.by_error += cell->by_error;
        flips->total.without_map += cell->without_map;
        flips->total.harmless += cell->harmless;
        for (size_t rule = 0; rule < AUDIT_RULES_MAX; rule++) {
            flips->total.rules[rule] += cell->rules[rule];
        }
    }
    for (size_t i = 0; i < spec->harmless_count; i++) {
        flips->harmless_unused += !flips->harmless_used[i];
    }
    if (flips->total.flips == 0) {
        flips->code = EXIT_NOT_JUDGED;
    } else {
        flips->code =
            flips->survivor_count > 0 || flips->harmless_unused > 0 ? EXIT_BROKEN : EXIT_HELD;
    }
}

void flips_run(struct flips *flips, struct audit_case *item, audit_selection selection)
{
    struct campaign campaign = {
        .flips = flips,
        .item = item,
        .selection = selection,
        .memory = {.snapshot = &item->snapshot},
        .map_rule = audit_rule_index("expected-map"),
        .big_endian = (item->snapshot.regs.sctlr & SCTLR_EL1_EE_BIT) != 0,
    };
    struct flip_table *tables;
    size_t count;

    *flips = (struct flips){
        .survivors = memory_get(FLIP_SURVIVORS_MAX, sizeof(flips->survivors[0])),
        .harmless_used = memory_get(item->spec->harmless_count, sizeof(bool)),
    };
    audit_result_begin(&campaign.base);
    audit_result_begin(&campaign.result);
    keep_base(&campaign);
    tables = list_tables(&item->scene, &count);
    for (size_t i = 0; i < count; i++) {
        flip_table(&campaign, &tables[i]);
    }
    free(tables);
    audit_result_free(&campaign.base);
    audit_result_free(&campaign.result);
    add_up(flips, item->spec);
}

void flips_free(struct flips *flips)
{
    free(flips->survivors);
    free(flips->harmless_used);
}
