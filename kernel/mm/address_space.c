#include <tyrne/address_space.h>

#include <stddef.h>
#include <tyrne/address.h>
#include <tyrne/panic.h>

/* The way from a root towards one page, as far as there are tables. */
struct walk {
    unsigned level;                    /* of the last entry, below which there is no table */
    uint64_t *slot[MMU_LEVELS];        /* where the entries of levels 0 to `level` are */
    struct mmu_entry path[MMU_LEVELS]; /* what they say */
};

static uint64_t *table_at(paddr_t table_pa)
{
    return (uint64_t *)(uintptr_t)phys_to_kernel_va(table_pa).value;
}

static void walk_to(struct walk *walk, paddr_t root_pa, user_va_t va)
{
    uint64_t *table = table_at(root_pa);

    for (unsigned level = 0;; level++) {
        walk->slot[level] = &table[hal_mmu_index(level, va)];
        walk->path[level] = hal_mmu_decode(hal_mmu_read_entry(walk->slot[level]), level);
        if (walk->path[level].kind != MMU_ENTRY_TABLE || level == MMU_LEVEL_PAGE) {
            walk->level = level;
            return;
        }
        table = table_at(walk->path[level].pa);
    }
}

/* The entry that `walk` ended at. */
static const struct mmu_entry *last_entry(const struct walk *walk)
{
    return &walk->path[walk->level];
}

void address_space_arena_init(struct address_space_arena *arena, struct pmm *pmm)
{
    *arena = (struct address_space_arena){.pmm = pmm, .active = ADDRESS_SPACE_NONE};
    object_arena_init(&arena->arena, MAX_ADDRESS_SPACES);
}

status_t address_space_create(struct address_space_arena *arena, struct object_ref *ref)
{
    struct object_ref created;
    paddr_t root_pa;
    status_t status = object_alloc(&arena->arena, &created);

    if (status != STATUS_OK) {
        return status;
    }
    status = pmm_alloc(arena->pmm, &root_pa);
    if (status != STATUS_OK) {
        KASSERT(object_free(&arena->arena, created) == STATUS_OK);
        return status;
    }
    arena->spaces[created.index] = (struct address_space){.root_pa = root_pa};
    *ref = created;
    return STATUS_OK;
}

status_t address_space_destroy(struct address_space_arena *arena, struct object_ref ref)
{
    const struct address_space *space;

    if (!object_live(&arena->arena, ref)) {
        return STATUS_STALE_OBJECT;
    }
    KASSERT(arena->unspent == 0);
    space = &arena->spaces[ref.index];
    if (space->pages != 0 || arena->active == ref.index) {
        return STATUS_IN_USE;
    }
    /* Without pages there are no tables below the root. */
    KASSERT(space->tables == 0);
    KASSERT(pmm_free(arena->pmm, space->root_pa) == STATUS_OK);
    return object_free(&arena->arena, ref);
}

/* What map and unmap ask alike of their arguments. */
static status_t check_page(const struct address_space_arena *arena, struct object_ref ref,
                           user_va_t va)
{
    if (!object_live(&arena->arena, ref)) {
        return STATUS_STALE_OBJECT;
    }
    if (va.value % PAGE_SIZE != 0) {
        return STATUS_BAD_ALIGNMENT;
    }
    return va.value < USER_VA_END ? STATUS_OK : STATUS_OUT_OF_RANGE;
}

static struct flush_token new_token(struct address_space_arena *arena, struct object_ref ref,
                                    user_va_t va, enum flush_need need)
{
    bool walked = arena->active == ref.index;

    arena->unspent++;
    /* Activating a space empties the TLB, so it holds nothing of a space that is not active. */
    return (struct flush_token){
        .arena = arena,
        .va = va,
        .need = (uint8_t)(walked ? need : FLUSH_NOTHING),
    };
}

/*
 * Before a valid entry is made: the TLB and the walker's caches may hold another one in its place,
 * which an unspent token of the active space took away (DDI 0487, "Using break-before-make when
 * updating translation table entries").
 */
static void finish_break(struct address_space_arena *arena, struct object_ref ref)
{
    if (arena->stale && arena->active == ref.index) {
        hal_mmu_flush_all();
        arena->stale = false;
    }
}

/* Rewrite the entry at `level` of `walk`, a table's, with `live` entries in use below it. */
static void set_live(const struct walk *walk, unsigned level, uint32_t live)
{
    uint64_t raw = 0;

    /* Only bits that the walker ignores change: no break-before-make. */
    KASSERT(hal_mmu_encode_table(walk->path[level].pa, live, &raw));
    hal_mmu_write_entry(walk->slot[level], raw);
}

/* Frames for the `count` missing tables, all or none. */
static status_t take_tables(struct pmm *pmm, paddr_t *tables, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        status_t status = pmm_alloc(pmm, &tables[i]);

        if (status != STATUS_OK) {
            while (i-- > 0) {
                KASSERT(pmm_free(pmm, tables[i]) == STATUS_OK);
            }
            return status;
        }
    }
    return STATUS_OK;
}

/*
 * Put `raw`, a page's entry, where `walk` ended, below the chain of `count` new, empty `tables`.
 * The chain is made from the page upwards and linked last.
 */
static void link_page(const struct walk *walk, user_va_t va, uint64_t raw, const paddr_t *tables,
                      unsigned count)
{
    for (unsigned i = count; i > 0; i--) {
        uint64_t *table = table_at(tables[i - 1U]);

        hal_mmu_write_entry(&table[hal_mmu_index(walk->level + i, va)], raw);
        KASSERT(hal_mmu_encode_table(tables[i - 1U], 1, &raw));
    }
    if (count != 0) {
        hal_mmu_order_writes();
    }
    hal_mmu_write_entry(walk->slot[walk->level], raw);
    if (walk->level > 0) {
        set_live(walk, walk->level - 1U, walk->path[walk->level - 1U].live + 1U);
    }
}

status_t address_space_map(struct address_space_arena *arena, struct object_ref ref, user_va_t va,
                           paddr_t frame_pa, enum user_rights rights, struct flush_token *token)
{
    status_t status = check_page(arena, ref, va);
    paddr_t tables[MMU_LEVEL_PAGE];
    struct address_space *space;
    struct walk walk;
    uint64_t page;

    if (status != STATUS_OK) {
        return status;
    }
    if (frame_pa.value % PAGE_SIZE != 0) {
        return STATUS_BAD_ALIGNMENT;
    }
    if ((unsigned)rights >= USER_RIGHTS_COUNT) {
        return STATUS_BAD_RIGHTS;
    }
    if (!hal_mmu_encode_page(frame_pa, rights, &page)) {
        return STATUS_OUT_OF_RANGE;
    }
    space = &arena->spaces[ref.index];
    walk_to(&walk, space->root_pa, va);
    if (last_entry(&walk)->kind != MMU_ENTRY_EMPTY) {
        return last_entry(&walk)->kind == MMU_ENTRY_PAGE ? STATUS_ALREADY_MAPPED
                                                         : STATUS_BLOCK_MAPPED;
    }
    status = take_tables(arena->pmm, tables, MMU_LEVEL_PAGE - walk.level);
    if (status != STATUS_OK) {
        return status;
    }
    /* Commits: nothing below can fail. */
    finish_break(arena, ref);
    link_page(&walk, va, page, tables, MMU_LEVEL_PAGE - walk.level);
    space->pages++;
    space->tables += MMU_LEVEL_PAGE - walk.level;
    *token = new_token(arena, ref, va, FLUSH_PUBLISH);
    return STATUS_OK;
}

/* What a walk that should end at a page says otherwise. */
static status_t page_status(const struct walk *walk)
{
    if (last_entry(walk)->kind == MMU_ENTRY_PAGE) {
        return STATUS_OK;
    }
    return last_entry(walk)->kind == MMU_ENTRY_EMPTY ? STATUS_NOT_MAPPED : STATUS_BLOCK_MAPPED;
}

status_t address_space_unmap(struct address_space_arena *arena, struct object_ref ref, user_va_t va,
                             paddr_t *frame_pa, struct flush_token *token)
{
    status_t status = check_page(arena, ref, va);
    struct address_space *space;
    struct walk walk;
    unsigned level;

    if (status != STATUS_OK) {
        return status;
    }
    space = &arena->spaces[ref.index];
    walk_to(&walk, space->root_pa, va);
    status = page_status(&walk);
    if (status != STATUS_OK) {
        return status;
    }
    /* Commits: nothing below can fail. */
    KASSERT(walk.level == MMU_LEVEL_PAGE); /* where alone there are pages */
    *frame_pa = last_entry(&walk)->pa;
    *token = new_token(arena, ref, va, FLUSH_INVALIDATE);
    arena->stale = arena->stale || token->need == FLUSH_INVALIDATE;
    hal_mmu_write_entry(walk.slot[MMU_LEVEL_PAGE], 0);
    space->pages--;
    /* Unlink each table that this leaves empty; the root stays. */
    for (level = MMU_LEVEL_PAGE - 1U; walk.path[level].live == 1U; level--) {
        hal_mmu_write_entry(walk.slot[level], 0);
        token->frames[token->frame_count] = walk.path[level].pa;
        token->frame_count++;
        space->tables--;
        if (level == 0) {
            return STATUS_OK;
        }
    }
    set_live(&walk, level, walk.path[level].live - 1U);
    return STATUS_OK;
}

status_t address_space_translate(const struct address_space_arena *arena, struct object_ref ref,
                                 user_va_t va, paddr_t *pa, enum user_rights *rights)
{
    struct walk walk;
    status_t status = check_page(arena, ref, (user_va_t){va.value & ~(uint64_t)(PAGE_SIZE - 1U)});

    if (status != STATUS_OK) {
        return status;
    }
    walk_to(&walk, arena->spaces[ref.index].root_pa, va);
    status = page_status(&walk);
    if (status == STATUS_OK) {
        *pa = (paddr_t){last_entry(&walk)->pa.value + va.value % PAGE_SIZE};
        *rights = last_entry(&walk)->rights;
    }
    return status;
}

status_t address_space_activate(struct address_space_arena *arena, struct object_ref ref)
{
    if (!object_live(&arena->arena, ref)) {
        return STATUS_STALE_OBJECT;
    }
    KASSERT(arena->unspent == 0);
    if (arena->active != ref.index) {
        arena->active = ref.index;
        hal_mmu_install_user_root(arena->spaces[ref.index].root_pa);
    }
    return STATUS_OK;
}

void address_space_deactivate(struct address_space_arena *arena)
{
    KASSERT(arena->unspent == 0);
    if (arena->active != ADDRESS_SPACE_NONE) {
        arena->active = ADDRESS_SPACE_NONE;
        hal_mmu_close_user_half();
    }
}
