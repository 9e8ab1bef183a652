/* What two maps differ in: a sweep over both, piece by piece. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "json_fields.h"
#include "map_report.h"

enum { WORDS_TEXT = 128, CHANGE_TEXT = 160 };

/* A map as the sweep sees it: the entry that holds an address, or the gap up to the next. */
struct side {
    const struct space_map *map;
    size_t next; /* the first entry that ends at or behind the address */
};

static const struct space_entry *at(struct side *side, uint64_t va, uint64_t *last)
{
    while (side->next < side->map->entry_count && side->map->entries[side->next].run.last_va < va) {
        side->next++;
    }
    if (side->next == side->map->entry_count) {
        return NULL;
    }
    const struct space_entry *entry = &side->map->entries[side->next];
    if (entry->run.first_va > va) {
        if (*last > entry->run.first_va - 1) {
            *last = entry->run.first_va - 1;
        }
        return NULL;
    }
    if (*last > entry->run.last_va) {
        *last = entry->run.last_va;
    }
    return entry;
}

/* One stretch in which each of the two says one thing; it ends where an entry of either does. */
struct piece {
    const struct space_entry *old_entry;
    const struct space_entry *new_entry;
    uint64_t first;
    uint64_t last;
};

/* --- what is different ----------------------------------------------------------------------- */

/* Whether two runs have other leaves. A run is as long as its neighbours allow, and so is the range
 * of its leaves' sizes: it says something about both only where both are the same range. */
static bool other_leaves(const struct rig_walk_run *was, const struct rig_walk_run *is)
{
    return was->first_va == is->first_va && was->last_va == is->last_va &&
           (was->smallest_leaf != is->smallest_leaf || was->largest_leaf != is->largest_leaf);
}

/* What a leaf says, without what registers add (they are compared by themselves) and without the
 * index under which MAIR_ELx has the memory type. */
static struct rig_walk_attributes of_leaf(const struct rig_walk_run *run)
{
    struct rig_walk_attributes attr = run->attr;

    attr.attr_index = 0;
    attr.sh = 0; /* shareability is what it amounts to */
    attr.pan_blocks_el1 = 0;
    attr.data_cache_off = 0;
    attr.reserved = 0;
    return attr;
}

static uint64_t pa_at(const struct space_entry *entry, uint64_t va)
{
    return entry->run.pa + (va - entry->run.first_va);
}

static bool same(const struct space_entry *was, const struct space_entry *is, uint64_t va)
{
    if (was == NULL || is == NULL) {
        return was == is;
    }
    const struct rig_walk_attributes left = of_leaf(&was->run);
    const struct rig_walk_attributes right = of_leaf(&is->run);

    return was->run.status == is->run.status && was->run.has_pa == is->run.has_pa &&
           (was->run.has_pa == 0 || pa_at(was, va) == pa_at(is, va)) &&
           memcmp(&left, &right, sizeof(left)) == 0 && !other_leaves(&was->run, &is->run);
}

/* --- telling it ------------------------------------------------------------------------------ */

/* Where lines go. */
struct page {
    FILE *out;
    json_t *lines;   /* NULL: text only */
    json_t *changes; /* of the line that is being told */
    const char *el1; /* "EL1", or "EL2" in its regime */
};

static json_t *put_line(const struct page *page, char sign, const struct space_entry *entry,
                        const struct piece *piece)
{
    char pa[32] = "-> ?            ";
    char words[WORDS_TEXT];
    char size[32];
    json_t *object;

    if (entry->run.has_pa != 0) {
        snprintf(pa, sizeof(pa), "-> %012" PRIx64 " ", pa_at(entry, piece->first));
    }
    map_entry_words(entry, words, sizeof(words));
    fprintf(page->out, "%c %016" PRIx64 "..%016" PRIx64 " %9s  %s %s  %s\n", sign, piece->first,
            piece->last, map_size_words(piece->last - piece->first + 1, size, sizeof(size)), pa,
            words, entry->name);
    if (page->lines == NULL) {
        return NULL;
    }
    object = json_object();
    json_put(object, "side", json_string(sign == '-' ? "old" : "new"));
    json_put_hex(object, "first", true, piece->first);
    json_put_hex(object, "last", true, piece->last);
    json_put_hex(object, "pa", entry->run.has_pa != 0, pa_at(entry, piece->first));
    json_put_text(object, "words", words);
    json_put_text(object, "name", entry->name);
    json_array_append_new(page->lines, object);
    return object;
}

static void change(const struct page *page, const char *what, const char *was, const char *is)
{
    char text[CHANGE_TEXT];

    if (strcmp(was, is) != 0) {
        snprintf(text, sizeof(text), "%s %s -> %s", what, was, is);
        fprintf(page->out, "    %s\n", text);
        if (page->changes != NULL) {
            json_array_append_new(page->changes, json_string(text));
        }
    }
}

static const char *set_or_clear(uint8_t bit)
{
    return bit != 0 ? "set" : "clear";
}

static void rights_changed(const struct page *page, const struct rig_walk_attributes *was,
                           const struct rig_walk_attributes *is)
{
    char what[32];
    char left[4];
    char right[4];

    snprintf(what, sizeof(what), "rights of %s", page->el1);
    change(page, what, space_map_rights(was, 1, left), space_map_rights(is, 1, right));
    change(page, "rights of EL0", space_map_rights(was, 0, left), space_map_rights(is, 0, right));
}

static void memory_changed(const struct page *page, const struct rig_walk_attributes *was,
                           const struct rig_walk_attributes *is)
{
    char left[64];
    char right[64];

    change(page, "memory", space_map_memory_words(was->mair_attr, left, sizeof(left)),
           space_map_memory_words(is->mair_attr, right, sizeof(right)));
    change(page, "shareability", space_map_shareability_words(was->shareability),
           space_map_shareability_words(is->shareability));
}

/* What changed in words, for a piece that both map. */
static void put_changes(const struct page *page, const struct piece *piece)
{
    const struct rig_walk_run *was = &piece->old_entry->run;
    const struct rig_walk_run *is = &piece->new_entry->run;
    char left[64];
    char right[64];

    change(page, "status", rig_walk_status_text(was->status), rig_walk_status_text(is->status));
    if (was->has_pa == 0 || is->has_pa == 0) {
        return;
    }
    snprintf(left, sizeof(left), "0x%" PRIx64, pa_at(piece->old_entry, piece->first));
    snprintf(right, sizeof(right), "0x%" PRIx64, pa_at(piece->new_entry, piece->first));
    change(page, "physical address", left, right);
    rights_changed(page, &was->attr, &is->attr);
    memory_changed(page, &was->attr, &is->attr);
    change(page, "scope", was->attr.ng != 0 ? "one ASID" : "global",
           is->attr.ng != 0 ? "one ASID" : "global");
    change(page, "contiguous bit", set_or_clear(was->attr.contiguous),
           set_or_clear(is->attr.contiguous));
    change(page, "access flag", set_or_clear(was->attr.af), set_or_clear(is->attr.af));
    change(page, "guarded page bit", set_or_clear(was->attr.guarded),
           set_or_clear(is->attr.guarded));
    change(page, "dirty bit modifier", set_or_clear(was->attr.dbm), set_or_clear(is->attr.dbm));
    if (other_leaves(was, is)) {
        change(page, "leaves", map_leaf_words(was, left, sizeof(left)),
               map_leaf_words(is, right, sizeof(right)));
    }
}

static void put_piece(struct page *page, const struct piece *piece)
{
    json_t *object = NULL;

    if (piece->old_entry != NULL) {
        object = put_line(page, '-', piece->old_entry, piece);
    }
    if (piece->new_entry != NULL) {
        object = put_line(page, '+', piece->new_entry, piece);
    }
    if (piece->old_entry != NULL && piece->new_entry != NULL) {
        page->changes = object == NULL ? NULL : json_array();
        put_changes(page, piece);
        if (object != NULL) {
            json_put(object, "changes", page->changes);
        }
    }
}

static size_t differing_registers(const struct snapshot *old_snapshot,
                                  const struct snapshot *new_snapshot, FILE *out, json_t *registers)
{
    static const char *const NAMES[] = {
        "SCTLR_EL1", "TCR_EL1", "TTBR0_EL1",        "TTBR1_EL1",        "MAIR_EL1",
        "VBAR_EL1",  "TCR_EL2", "TTBR0_EL2",        "MAIR_EL2",         "VBAR_EL2",
        "SCTLR_EL2", "HCR_EL2", "ID_AA64MMFR0_EL1", "ID_AA64MMFR1_EL1", "ID_AA64MMFR2_EL1"};
    size_t count = 0;

    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        uint64_t was;
        uint64_t is;

        if (!snapshot_register(old_snapshot, NAMES[i], &was) ||
            !snapshot_register(new_snapshot, NAMES[i], &is) || was == is) {
            continue;
        }
        fprintf(out, "  %-9s 0x%016" PRIx64 " -> 0x%016" PRIx64 "\n", NAMES[i], was, is);
        count++;
        if (registers != NULL) {
            json_t *object = json_object();

            json_put_text(object, "name", NAMES[i]);
            json_put_hex(object, "old", true, was);
            json_put_hex(object, "new", true, is);
            json_array_append_new(registers, object);
        }
    }
    return count;
}

size_t map_difference(const struct space_map *old_map, const struct snapshot *old_snapshot,
                      const struct space_map *new_map, const struct snapshot *new_snapshot,
                      FILE *out, json_t *registers, json_t *lines)
{
    struct page page = {
        .out = out,
        .lines = lines,
        .el1 = old_snapshot->regs.regime == RIG_WALK_REGIME_EL2 ? "EL2" : "EL1",
    };
    struct side old_side = {.map = old_map};
    struct side new_side = {.map = new_map};
    size_t count = differing_registers(old_snapshot, new_snapshot, out, registers);
    uint64_t va = 0;

    if (old_map->flat != new_map->flat) {
        fprintf(out, "  the MMU is %s: %s\n", new_map->flat ? "off now" : "on now",
                new_map->flat ? "addresses are physical" : "addresses were physical");
    }
    for (;;) {
        uint64_t last = UINT64_MAX;
        const struct space_entry *was = at(&old_side, va, &last);
        const struct space_entry *is = at(&new_side, va, &last);

        if (!same(was, is, va)) {
            put_piece(&page, &(struct piece){was, is, va, last});
            count++;
        }
        if (last == UINT64_MAX) {
            break;
        }
        va = last + 1;
    }
    return count;
}
