/* The words of a map's columns, and what a piece of memory is called. */
#include <stdio.h>
#include <string.h>

#include "space_map.h"

enum { NAMES_SHOWN = 3 };

const char *space_map_rights(const struct rig_walk_attributes *attr, unsigned level,
                             char buffer[static 4])
{
    bool el0 = level == 0;

    buffer[0] = (el0 ? attr->el0_read : attr->el1_read) != 0 ? 'r' : '-';
    buffer[1] = (el0 ? attr->el0_write : attr->el1_write) != 0 ? 'w' : '-';
    buffer[2] = (el0 ? attr->el0_exec : attr->el1_exec) != 0 ? 'x' : '-';
    buffer[3] = '\0';
    return buffer;
}

/* DDI 0487, MAIR_EL1: the usual attributes by their usual names, the others as the walker says. */
const char *space_map_memory_words(uint8_t mair_attr, char *buffer, size_t size)
{
    static const struct {
        uint8_t attr;
        const char *name;
    } USUAL[] = {
        {0x00, "Device-nGnRnE"}, {0x04, "Device-nGnRE"}, {0x08, "Device-nGRE"},
        {0x0c, "Device-GRE"},    {0x44, "Normal NC"},    {0xbb, "Normal WT"},
        {0xff, "Normal WB"},
    };

    for (size_t i = 0; i < sizeof(USUAL) / sizeof(USUAL[0]); i++) {
        if (USUAL[i].attr == mair_attr) {
            snprintf(buffer, size, "%s", USUAL[i].name);
            return buffer;
        }
    }
    (void)rig_walk_memory_text(mair_attr, buffer, size);
    return buffer;
}

const char *space_map_shareability_words(uint8_t shareability)
{
    static const char *const WORDS[] = {"non", "reserved", "outer", "inner"};

    return WORDS[shareability & 3];
}

/* Collects up to NAMES_SHOWN names, then says how many more there are. */
struct names {
    char *buffer;
    size_t size;
    size_t length;
    unsigned count;
    unsigned more;
    const char *last;
};

static void append(struct names *names, const char *text)
{
    int added = snprintf(names->buffer + names->length, names->size - names->length, "%s", text);

    if (added > 0) {
        names->length += (size_t)added;
        names->length = names->length < names->size ? names->length : names->size - 1;
    }
}

static void add_name(struct names *names, const char *name)
{
    if (names->last != NULL && strcmp(names->last, name) == 0) {
        return; /* two pieces of one name beside each other */
    }
    names->last = name;
    if (names->count == NAMES_SHOWN) {
        names->more++;
        return;
    }
    if (names->count++ != 0) {
        append(names, ", ");
    }
    append(names, name);
}

static void finish(struct names *names)
{
    char text[32];

    if (names->more != 0) {
        snprintf(text, sizeof(text), " and %u more", names->more);
        append(names, text);
    }
}

static bool overlaps(const struct audit_range *range, uint64_t first, uint64_t last)
{
    return range->first <= last && range->last >= first;
}

/* The regions of the pack and the ELF that lie in the range; true when they reach both its ends. */
static bool name_regions(struct names *names, const struct audit_spec *spec, uint64_t va,
                         uint64_t pa, uint64_t size)
{
    bool at_start = false;
    bool at_end = false;

    for (size_t i = 0; spec != NULL && i < spec->region_count; i++) {
        const struct audit_region *region = &spec->regions[i];
        uint64_t first = region->physical ? pa : va;

        if (overlaps(&region->range, first, first + (size - 1))) {
            add_name(names, region->name);
            at_start = at_start || region->range.first <= first;
            /* A section ends somewhere in its last page. */
            at_end = at_end || (region->range.last | 0xfff) >= first + (size - 1);
        }
    }
    return at_start && at_end;
}

/* The first piece of memory that ends at pa or behind it. */
static size_t first_memory(const struct snapshot *snapshot, uint64_t pa)
{
    size_t low = 0;
    size_t high = snapshot->memory_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (snapshot->memory[middle].last < pa) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What the machine has there; nothing is worth a name, too. */
static void name_machine(struct names *names, const struct snapshot *snapshot, uint64_t pa,
                         uint64_t last)
{
    bool covered = false;

    for (size_t i = first_memory(snapshot, pa);
         i < snapshot->memory_count && snapshot->memory[i].first <= last; i++) {
        const struct snapshot_memory *memory = &snapshot->memory[i];

        add_name(names, memory->kind == SNAPSHOT_RAM ? "RAM" : memory->name);
        covered = covered || (memory->first <= pa && memory->last >= last);
    }
    if (names->count == 0) {
        append(names, snapshot->memory_count == 0 ? "memory" : "nothing is there");
    } else if (!covered && snapshot->memory_count != 0) {
        /* Devices fill a part of the page that maps them; RAM that ends early is worth a word. */
        const struct snapshot_memory *at = snapshot_memory_at(snapshot, pa);

        if (at != NULL && at->kind == SNAPSHOT_RAM && at->last < last) {
            add_name(names, "beyond RAM");
        }
    }
}

void space_map_name(const struct snapshot *snapshot, const struct audit_spec *spec, uint64_t va,
                    uint64_t pa, uint64_t size, char *buffer, size_t buffer_size)
{
    struct names names = {.buffer = buffer, .size = buffer_size};

    buffer[0] = '\0';
    if (!name_regions(&names, spec, va, pa, size)) {
        name_machine(&names, snapshot, pa, pa + (size - 1));
    }
    finish(&names);
}
