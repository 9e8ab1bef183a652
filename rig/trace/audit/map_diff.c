/* What two maps differ in: a sweep over both, piece by piece. */
#include <inttypes.h>
#include <string.h>

#include "json_fields.h"
#include "map_report.h"

enum { WORDS_TEXT = 128 };

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

/* One stretch in which the two say different things, always the same two. */
struct piece {
    const struct space_entry *old_entry;
    const struct space_entry *new_entry;
    uint64_t first;
    uint64_t last;
};

static bool same(const struct space_entry *a, const struct space_entry *b, uint64_t va)
{
    char left[WORDS_TEXT];
    char right[WORDS_TEXT];

    if (a == NULL || b == NULL) {
        return a == b;
    }
    if (a->run.has_pa != b->run.has_pa ||
        (a->run.has_pa != 0 &&
         a->run.pa + (va - a->run.first_va) != b->run.pa + (va - b->run.first_va))) {
        return false;
    }
    map_entry_words(a, left, sizeof(left));
    map_entry_words(b, right, sizeof(right));
    return strcmp(left, right) == 0;
}

static void put_line(FILE *out, json_t *lines, char sign, const struct space_entry *entry,
                     uint64_t first, uint64_t last)
{
    uint64_t pa = entry->run.pa + (first - entry->run.first_va);
    char words[WORDS_TEXT];
    char size[32];

    map_entry_words(entry, words, sizeof(words));
    fprintf(out, "%c %016" PRIx64 "..%016" PRIx64 " %9s  -> %012" PRIx64 "  %s  %s\n", sign, first,
            last, map_size_words(last - first + 1, size, sizeof(size)), pa, words, entry->name);
    if (lines != NULL) {
        json_t *object = json_object();

        json_put(object, "side", json_string(sign == '-' ? "old" : "new"));
        json_put_hex(object, "first", true, first);
        json_put_hex(object, "last", true, last);
        json_put_hex(object, "pa", entry->run.has_pa != 0, pa);
        json_put_text(object, "words", words);
        json_put_text(object, "name", entry->name);
        json_array_append_new(lines, object);
    }
}

static void word(FILE *out, const char *what, const char *old_word, const char *new_word)
{
    if (strcmp(old_word, new_word) != 0) {
        fprintf(out, "    %s: %s, was %s\n", what, new_word, old_word);
    }
}

/* What changed, for a range that both map. */
static void put_change(FILE *out, const struct piece *piece)
{
    const struct rig_walk_attributes *was = &piece->old_entry->run.attr;
    const struct rig_walk_attributes *is = &piece->new_entry->run.attr;
    char left[64];
    char right[64];

    word(out, "rights of EL1", space_map_rights(was, 1, left), space_map_rights(is, 1, right));
    word(out, "rights of EL0", space_map_rights(was, 0, left), space_map_rights(is, 0, right));
    word(out, "memory", space_map_memory_words(was->mair_attr, left, sizeof(left)),
         space_map_memory_words(is->mair_attr, right, sizeof(right)));
    word(out, "shareability", space_map_shareability_words(was->shareability),
         space_map_shareability_words(is->shareability));
    word(out, "ASID", was->ng != 0 ? "not global" : "global",
         is->ng != 0 ? "not global" : "global");
    word(out, "leaves", map_leaf_words(&piece->old_entry->run, left, sizeof(left)),
         map_leaf_words(&piece->new_entry->run, right, sizeof(right)));
}

static void put_piece(FILE *out, json_t *lines, const struct piece *piece)
{
    if (piece->old_entry != NULL) {
        put_line(out, lines, '-', piece->old_entry, piece->first, piece->last);
    }
    if (piece->new_entry != NULL) {
        put_line(out, lines, '+', piece->new_entry, piece->first, piece->last);
    }
    if (piece->old_entry != NULL && piece->new_entry != NULL) {
        put_change(out, piece);
    }
}

static size_t differing_registers(const struct snapshot *old_snapshot,
                                  const struct snapshot *new_snapshot, FILE *out)
{
    static const char *const NAMES[] = {"SCTLR_EL1", "TCR_EL1",   "TTBR0_EL1", "TTBR1_EL1",
                                        "MAIR_EL1",  "SCTLR_EL2", "TCR_EL2",   "TTBR0_EL2",
                                        "MAIR_EL2",  "VBAR_EL1",  "VBAR_EL2"};
    size_t count = 0;

    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        uint64_t was;
        uint64_t is;

        if (snapshot_register(old_snapshot, NAMES[i], &was) &&
            snapshot_register(new_snapshot, NAMES[i], &is) && was != is) {
            fprintf(out, "  %-9s 0x%016" PRIx64 ", was 0x%016" PRIx64 "\n", NAMES[i], is, was);
            count++;
        }
    }
    return count;
}

size_t map_difference(const struct space_map *old_map, const struct snapshot *old_snapshot,
                      const struct space_map *new_map, const struct snapshot *new_snapshot,
                      FILE *out, json_t *lines)
{
    struct side old_side = {.map = old_map};
    struct side new_side = {.map = new_map};
    struct piece open = {0};
    bool is_open = false;
    size_t count = differing_registers(old_snapshot, new_snapshot, out);
    uint64_t va = 0;

    for (;;) {
        uint64_t last = UINT64_MAX;
        const struct space_entry *was = at(&old_side, va, &last);
        const struct space_entry *is = at(&new_side, va, &last);

        if (!same(was, is, va)) {
            if (is_open && open.old_entry == was && open.new_entry == is) {
                open.last = last;
            } else {
                if (is_open) {
                    put_piece(out, lines, &open);
                }
                open = (struct piece){was, is, va, last};
                is_open = true;
                count++;
            }
        }
        if (last == UINT64_MAX) {
            break;
        }
        va = last + 1;
    }
    if (is_open) {
        put_piece(out, lines, &open);
    }
    return count;
}
