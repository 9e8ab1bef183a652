#include "fake_tlb.h"

#include "fake_mmu.h"
#include "fake_ram.h"

#include <assert.h>
#include <string.h>

#define STALE_MAX   4096U
#define PENDING_MAX 65536U

/* Where an entry is in the installed tree, and the first address that it covers. */
struct place {
    unsigned level;
    uint64_t va;
};

/* A valid entry that the CPU could walk, and that was changed since. */
struct stale {
    struct place place;
    uint64_t raw;
    uint64_t table_pa; /* the table it pointed at, or 0 */
};

/* What an entry was before it was written and while that is not published. */
struct pending {
    uint64_t slot_pa;
    uint64_t was;
};

static struct {
    const struct pmm *pmm;
    const char *violation;
    uint64_t root_pa; /* 0: none */
    uint32_t epoch;   /* counts barriers */
    /* Of each frame: the entry of the installed tree that points at it (0: none), its place in
     * `linked`, and the epoch of the last write into it. */
    uint64_t parent_pa[FAKE_RAM_FRAMES];
    uint32_t position[FAKE_RAM_FRAMES];
    uint32_t written[FAKE_RAM_FRAMES];
    uint32_t linked[FAKE_RAM_FRAMES]; /* frames with a parent */
    uint32_t linked_count;
    struct stale stale[STALE_MAX];
    uint32_t stale_count;
    struct pending pending[PENDING_MAX];
    uint32_t pending_count;
} cpu;

static void violate(const char *rule)
{
    if (cpu.violation == NULL) {
        cpu.violation = rule;
    }
}

static uint64_t *entries_at(uint64_t table_pa)
{
    return (uint64_t *)(uintptr_t)table_pa;
}

static uint32_t frame_of(uint64_t pa)
{
    assert(fake_ram_holds(pa));
    return (uint32_t)((pa - FAKE_RAM_START_PA) / PAGE_SIZE);
}

static uint64_t frame_pa(uint32_t frame)
{
    return FAKE_RAM_START_PA + (uint64_t)frame * PAGE_SIZE;
}

static unsigned shift_of(unsigned level)
{
    return 12U + 9U * (MMU_LEVELS - 1U - level);
}

/* True if nobody owns the frame at `pa`, by the frame allocator's bitmap. */
static bool is_free(uint64_t pa)
{
    uint64_t frame;

    if (!fake_ram_holds(pa)) {
        return true;
    }
    if (cpu.pmm == NULL) {
        return false;
    }
    frame = (pa - cpu.pmm->start_pa.value) / PAGE_SIZE;
    return frame >= cpu.pmm->frames || (cpu.pmm->used[frame / 64U] >> frame % 64U & 1U) == 0;
}

static const struct stale *stale_table(uint64_t table_pa)
{
    for (uint32_t i = 0; i < cpu.stale_count; i++) {
        if (cpu.stale[i].table_pa == table_pa) {
            return &cpu.stale[i];
        }
    }
    return NULL;
}

/* Where the entry at `slot_pa` can be walked to, also by way of a stale table. */
static bool locate(uint64_t slot_pa, struct place *place)
{
    unsigned index[MMU_LEVELS];
    unsigned depth = 0;

    while (depth < MMU_LEVELS) {
        uint64_t table_pa = slot_pa / PAGE_SIZE * PAGE_SIZE;
        const struct stale *stale = stale_table(table_pa);

        index[depth] = (unsigned)(slot_pa % PAGE_SIZE / sizeof(uint64_t));
        depth++;
        slot_pa = cpu.parent_pa[frame_of(table_pa)];
        if (slot_pa == 0 && table_pa != cpu.root_pa && stale == NULL) {
            return false;
        }
        if (slot_pa == 0) {
            bool root = table_pa == cpu.root_pa;

            *place = root ? (struct place){0, 0}
                          : (struct place){stale->place.level + 1U, stale->place.va};
            for (; depth > 0; depth--) {
                place->va |= (uint64_t)index[depth - 1U] << shift_of(place->level);
                place->level++;
            }
            place->level--;
            return true;
        }
    }
    return false;
}

static void link_table(uint64_t table_pa, uint64_t slot_pa)
{
    uint32_t frame = frame_of(table_pa);

    if (cpu.parent_pa[frame] != 0) {
        violate("a table is linked twice");
        return;
    }
    cpu.parent_pa[frame] = slot_pa;
    cpu.position[frame] = cpu.linked_count;
    cpu.linked[cpu.linked_count] = frame;
    cpu.linked_count++;
}

static void unlink_table(uint64_t table_pa)
{
    uint32_t frame = frame_of(table_pa);
    uint32_t last = cpu.linked[cpu.linked_count - 1U];

    cpu.parent_pa[frame] = 0;
    cpu.linked[cpu.position[frame]] = last;
    cpu.position[last] = cpu.position[frame];
    cpu.linked_count--;
}

static void add_stale(struct place place, uint64_t raw, uint64_t table_pa)
{
    assert(cpu.stale_count < STALE_MAX);
    cpu.stale[cpu.stale_count] = (struct stale){place, raw, table_pa};
    cpu.stale_count++;
}

/* The tables below the entry `raw` at `slot_pa` come into the tree, their content with them. */
static void enter(uint64_t raw, unsigned level, uint64_t slot_pa, bool fresh)
{
    struct mmu_entry entry = hal_mmu_decode(raw, level);

    if (entry.kind != MMU_ENTRY_TABLE) {
        return;
    }
    if (is_free(entry.pa.value)) {
        violate("a free frame is linked as a table");
        return;
    }
    if (fresh && cpu.written[frame_of(entry.pa.value)] == cpu.epoch) {
        violate("a table is linked before its content is ordered");
    }
    link_table(entry.pa.value, slot_pa);
    for (unsigned i = 0; level + 1U < MMU_LEVELS - 1U && i < MMU_TABLE_ENTRIES; i++) {
        uint64_t *slot = &entries_at(entry.pa.value)[i];

        if (*slot != 0) {
            enter(*slot, level + 1U, (uintptr_t)slot, fresh);
        }
    }
}

/* The tables below the entry `raw` at `place` leave the tree, and may be walked still. */
static void leave(uint64_t raw, struct place place)
{
    struct mmu_entry entry = hal_mmu_decode(raw, place.level);

    add_stale(place, raw, entry.kind == MMU_ENTRY_TABLE ? entry.pa.value : 0);
    if (entry.kind != MMU_ENTRY_TABLE) {
        return;
    }
    unlink_table(entry.pa.value);
    for (unsigned i = 0; place.level + 1U < MMU_LEVELS - 1U && i < MMU_TABLE_ENTRIES; i++) {
        uint64_t below = entries_at(entry.pa.value)[i];
        uint64_t va = place.va | (uint64_t)i << shift_of(place.level + 1U);

        if (below != 0) {
            leave(below, (struct place){place.level + 1U, va});
        }
    }
}

/* True if the walker makes the same of both. */
static bool alike(uint64_t raw, uint64_t other, unsigned level)
{
    struct mmu_entry a = hal_mmu_decode(raw, level);
    struct mmu_entry b = hal_mmu_decode(other, level);

    if (a.kind != b.kind || a.kind == MMU_ENTRY_BLOCK) {
        return raw == other;
    }
    return a.pa.value == b.pa.value && a.rights == b.rights;
}

/* The walked entry at `slot_pa` becomes `now`, which is valid. */
static void make(uint64_t slot_pa, struct place place, uint64_t now)
{
    for (uint32_t i = 0; i < cpu.stale_count; i++) {
        const struct stale *stale = &cpu.stale[i];

        if (stale->place.level == place.level && stale->place.va == place.va &&
            !alike(stale->raw, now, place.level)) {
            violate("an entry is replaced without break-before-make");
        }
    }
    enter(now, place.level, slot_pa, true);
}

void fake_tlb_read(uint64_t slot_pa)
{
    if (is_free(slot_pa)) {
        violate("an entry is read in a frame that is free or outside");
    }
}

void fake_tlb_write(uint64_t slot_pa, uint64_t was, uint64_t now)
{
    struct place place;
    bool was_valid;
    bool is_valid;

    if (is_free(slot_pa)) {
        violate("an entry is written in a frame that is free or outside");
        return;
    }
    cpu.written[frame_of(slot_pa)] = cpu.epoch;
    if (!locate(slot_pa, &place) || alike(was, now, place.level)) {
        return;
    }
    assert(cpu.pending_count < PENDING_MAX);
    cpu.pending[cpu.pending_count] = (struct pending){slot_pa, was};
    cpu.pending_count++;
    was_valid = hal_mmu_decode(was, place.level).kind != MMU_ENTRY_EMPTY;
    is_valid = hal_mmu_decode(now, place.level).kind != MMU_ENTRY_EMPTY;
    if (was_valid && is_valid) {
        violate("an entry is replaced without break-before-make");
    }
    if (was_valid) {
        leave(was, place);
    }
    if (is_valid) {
        make(slot_pa, place, now);
    }
}

void fake_tlb_zeroed(paddr_t pa)
{
    uint32_t frame = frame_of(pa.value);

    cpu.written[frame] = cpu.epoch;
    if (pa.value == cpu.root_pa || cpu.parent_pa[frame] != 0 || stale_table(pa.value) != NULL) {
        violate("a frame that the CPU may walk as a table is handed out again");
    }
}

/* No table that the CPU may walk is free. */
static void check_frames(void)
{
    bool bad = cpu.root_pa != 0 && is_free(cpu.root_pa);

    for (uint32_t i = 0; i < cpu.linked_count; i++) {
        bad = bad || is_free(frame_pa(cpu.linked[i]));
    }
    for (uint32_t i = 0; i < cpu.stale_count; i++) {
        bad = bad || (cpu.stale[i].table_pa != 0 && is_free(cpu.stale[i].table_pa));
    }
    if (bad) {
        violate("a table that the CPU may walk is free");
    }
}

void fake_tlb_order(void)
{
    cpu.epoch++;
}

void fake_tlb_publish(void)
{
    check_frames();
    cpu.epoch++;
    cpu.pending_count = 0;
}

static bool covers(const struct stale *stale, user_va_t va)
{
    return (stale->place.va ^ va.value) >> shift_of(stale->place.level) == 0;
}

void fake_tlb_forget_va(user_va_t va)
{
    fake_tlb_publish();
    for (uint32_t i = cpu.stale_count; i > 0; i--) {
        if (covers(&cpu.stale[i - 1U], va)) {
            cpu.stale_count--;
            cpu.stale[i - 1U] = cpu.stale[cpu.stale_count];
        }
    }
}

void fake_tlb_forget_all(void)
{
    fake_tlb_publish();
    cpu.stale_count = 0;
}

void fake_tlb_root(uint64_t root_pa)
{
    fake_tlb_forget_all();
    while (cpu.linked_count > 0) {
        unlink_table(frame_pa(cpu.linked[0]));
    }
    cpu.root_pa = root_pa;
    if (root_pa == 0) {
        return;
    }
    if (is_free(root_pa)) {
        violate("a free frame is installed as the root");
        return;
    }
    for (unsigned i = 0; i < MMU_TABLE_ENTRIES; i++) {
        uint64_t *slot = &entries_at(root_pa)[i];

        if (*slot != 0) {
            enter(*slot, 0, (uintptr_t)slot, false);
        }
    }
}

void fake_tlb_reset(const struct pmm *pmm)
{
    memset(&cpu, 0, sizeof(cpu));
    cpu.pmm = pmm;
    cpu.epoch = 1; /* no frame was written in it */
}

const char *fake_mmu_violation(void)
{
    check_frames();
    return cpu.violation;
}

uint64_t fake_mmu_root(void)
{
    return cpu.root_pa;
}

bool fake_mmu_may_be_stale(user_va_t va)
{
    for (uint32_t i = 0; i < cpu.stale_count; i++) {
        if (covers(&cpu.stale[i], va)) {
            return true;
        }
    }
    return false;
}

bool fake_mmu_settled(void)
{
    return cpu.stale_count == 0 && cpu.pending_count == 0;
}

/* The entry at `slot_pa` as the walker is sure to see it. */
static uint64_t published(uint64_t slot_pa)
{
    for (uint32_t i = 0; i < cpu.pending_count; i++) {
        if (cpu.pending[i].slot_pa == slot_pa) {
            return cpu.pending[i].was;
        }
    }
    return *entries_at(slot_pa);
}

bool fake_mmu_access(user_va_t va, paddr_t *pa, enum user_rights *rights)
{
    uint64_t table_pa = cpu.root_pa;
    struct mmu_entry entry;

    for (unsigned level = 0; table_pa != 0; level++) {
        uint64_t index = va.value >> shift_of(level) & (MMU_TABLE_ENTRIES - 1U);

        entry = hal_mmu_decode(published(table_pa + index * sizeof(uint64_t)), level);
        if (entry.kind == MMU_ENTRY_PAGE) {
            *pa = (paddr_t){entry.pa.value + va.value % PAGE_SIZE};
            *rights = entry.rights;
            return true;
        }
        table_pa = entry.kind == MMU_ENTRY_TABLE && !is_free(entry.pa.value) ? entry.pa.value : 0;
    }
    return false;
}
