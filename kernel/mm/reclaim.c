/* Giving a whole address space back, page by page and table by table. */
#include <tyrne/address_space.h>

#include <tyrne/address.h>
#include <tyrne/panic.h>

/* One table on the way down: where it is, the next entry to look at, entries in use not yet seen.
 */
struct step {
    paddr_t table_pa;
    unsigned next;
    uint32_t left;
};

/* The next entry of `step` that is in use, decoded at `level`. There is one. */
static struct mmu_entry next_entry(struct step *step, unsigned level)
{
    const uint64_t *table = (uint64_t *)(uintptr_t)phys_to_kernel_va(step->table_pa).value;
    struct mmu_entry entry;

    do {
        KASSERT(step->next < MMU_TABLE_ENTRIES);
        entry = hal_mmu_decode(hal_mmu_read_entry(&table[step->next]), level);
        step->next++;
    } while (entry.kind == MMU_ENTRY_EMPTY);
    step->left--;
    return entry;
}

/* Free all pages and tables below `root_pa`, which nothing walks any more. */
static void free_tree(struct pmm *pmm, struct address_space *space)
{
    struct step path[MMU_LEVELS] = {{.table_pa = space->root_pa, .left = UINT32_MAX}};
    unsigned level = 0;

    while (space->pages != 0 || level != 0) {
        if (path[level].left == 0) {
            KASSERT(pmm_free(pmm, path[level].table_pa) == STATUS_OK);
            space->tables--;
            level--;
        } else {
            struct mmu_entry entry = next_entry(&path[level], level);

            if (entry.kind == MMU_ENTRY_TABLE) {
                level++;
                path[level] = (struct step){.table_pa = entry.pa, .left = entry.live};
            } else {
                KASSERT(entry.kind == MMU_ENTRY_PAGE);
                KASSERT(pmm_free(pmm, entry.pa) == STATUS_OK);
                space->pages--;
            }
        }
    }
}

status_t address_space_reclaim(struct address_space_arena *arena, struct object_ref ref)
{
    if (!object_live(&arena->arena, ref)) {
        return STATUS_STALE_OBJECT;
    }
    if (arena->active == ref.index) {
        return STATUS_IN_USE;
    }
    /* The TLB holds nothing of a space that is not active: what it walked may be freed. */
    KASSERT(arena->unspent == 0);
    free_tree(arena->pmm, &arena->spaces[ref.index]);
    return address_space_destroy(arena, ref);
}
