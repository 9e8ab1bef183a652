/* What a random life of address spaces must leave true. */
#include "space_run.h"

/* Take frames until few are left, or some. */
void run_hoard(void)
{
    uint32_t leave = seeded_below(&run.random, 5);

    while (run.hoarded < HOARD_MAX && pmm_free_frames(&run.world->pmm) > leave) {
        run_check(pmm_alloc(&run.world->pmm, &run.hoard[run.hoarded]) == STATUS_OK, "hoard");
        run.hoarded++;
    }
}

void run_release(void)
{
    while (run.hoarded > 0) {
        run.hoarded--;
        run_check(pmm_free(&run.world->pmm, run.hoard[run.hoarded]) == STATUS_OK, "release");
    }
}

static void check_counts(void)
{
    const struct address_space_arena *arena = &run.world->arena;
    uint32_t taken = run.hoarded + run.emptied;

    for (uint32_t i = 0; i < MAX_ADDRESS_SPACES; i++) {
        const struct model_space *space = &run.space[i];

        run_check(object_live(&arena->arena, space->ref) == space->live, "a space lives or not");
        if (space->live) {
            run_check(arena->spaces[i].pages == space->pages, "number of pages");
            run_check(arena->spaces[i].tables == space->tables, "number of tables");
            taken += 1U + space->tables;
        }
    }
    run_check(pmm_free_frames(&run.world->pmm) == run.world->pmm.frames - taken,
              "number of free frames");
}

static void check_cpu(void)
{
    const struct address_space_arena *arena = &run.world->arena;
    const char *rule = fake_mmu_violation();
    enum user_rights rights;
    paddr_t pa;

    run_check(rule == NULL, rule);
    run_check(arena->unspent == run.held_count + run.batch.dirty, "number of unspent tokens");
    run_check(arena->unspent != 0 || fake_mmu_settled(), "unsettled without a token");
    if (run.active == NULL) {
        run_check(fake_mmu_root() == 0, "a root without a space");
        return;
    }
    run_check(fake_mmu_root() == arena->spaces[run.active->ref.index].root_pa.value, "the root");
    if (fake_mmu_settled()) {
        uint32_t i = seeded_below(&run.random, UNIVERSE);
        const struct model_page *page = &run.active->page[i];
        bool found = fake_mmu_access(user_va(model_va(i)), &pa, &rights);

        run_check(found == page->mapped, "the CPU sees a page or none");
        run_check(!found || (pa.value == page->pa && rights == page->rights),
                  "the CPU sees the page");
    }
}

void run_check_step(void)
{
    check_counts();
    check_cpu();
}

struct scan {
    uint32_t tables;
    uint32_t pages;
};

/* Entries in use of the table at `table_pa`, whose entries are of `level`; those below counted. */
static uint32_t scan_table(struct scan *scan, uint64_t table_pa, unsigned level)
{
    const uint64_t *entries = (const uint64_t *)(uintptr_t)table_pa;
    uint32_t used = 0;

    for (unsigned i = 0; i < MMU_TABLE_ENTRIES; i++) {
        struct mmu_entry entry;

        if (entries[i] == 0) {
            continue;
        }
        entry = hal_mmu_decode(entries[i], level);
        used++;
        if (entry.kind == MMU_ENTRY_TABLE) {
            scan->tables++;
            run_check(scan_table(scan, entry.pa.value, level + 1U) == entry.live, "live count");
            run_check(entry.live != 0, "an empty table is kept");
        } else if (entry.kind == MMU_ENTRY_PAGE) {
            scan->pages++;
        } else {
            run_check(entry.kind == MMU_ENTRY_BLOCK && level == 0, "a strange entry");
        }
    }
    return used;
}

static void check_translations(const struct model_space *space)
{
    for (uint32_t i = 0; i < UNIVERSE; i++) {
        const struct model_page *page = &space->page[i];
        enum user_rights rights;
        paddr_t pa;
        status_t status = address_space_translate(&run.world->arena, space->ref,
                                                  user_va(model_va(i)), &pa, &rights);

        run_check(status == (page->mapped ? STATUS_OK : STATUS_NOT_MAPPED), "mapped or not");
        run_check(status != STATUS_OK || (pa.value == page->pa && rights == page->rights),
                  "mapped to another page");
    }
}

void run_check_tables(void)
{
    for (uint32_t i = 0; i < MAX_ADDRESS_SPACES; i++) {
        const struct model_space *space = &run.space[i];
        struct scan scan = {0};

        if (space->live) {
            (void)scan_table(&scan, run.world->arena.spaces[i].root_pa.value, 0);
            run_check(scan.tables == space->tables, "tables found by a scan");
            run_check(scan.pages == space->pages, "pages found by a scan");
            check_translations(space);
        }
    }
}
