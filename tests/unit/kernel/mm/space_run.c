#include "space_run.h"

#include <string.h>

struct space_run run;

void run_check(bool holds, const char *what)
{
    seeded_check(&run.random, holds, what);
}

static uint32_t below(uint32_t end)
{
    return seeded_below(&run.random, end);
}

static bool chance(uint32_t percent)
{
    return seeded_chance(&run.random, percent);
}

static void expect(enum operation operation, status_t status, status_t expected)
{
    static const char *const names[OPERATIONS] = {"create", "destroy",   "map",
                                                  "unmap",  "translate", "activate"};

    run_check(status == expected, names[operation]);
    run.reached[operation][status]++;
}

void run_world(uint32_t frames)
{
    struct seeded random = run.random;
    uint64_t reached[OPERATIONS][STATUS_IN_USE + 1];

    memcpy(reached, run.reached, sizeof(reached));
    memset(&run, 0, sizeof(run));
    memcpy(run.reached, reached, sizeof(reached));
    run.random = random;
    run.world = world_start(frames);
    flush_batch_init(&run.batch, &run.world->arena);
    model_universe(&run.random);
    for (uint32_t i = 0; i < MAX_ADDRESS_SPACES; i++) {
        run.space[i].ref = (struct object_ref){OBJECT_ARENA_MAX, 0}; /* of no space */
    }
}

/* A space of the model, or NULL for none alive. */
static struct model_space *some_space(void)
{
    uint32_t start = below(MAX_ADDRESS_SPACES);

    if (run.active != NULL && chance(40)) {
        return run.active;
    }
    for (uint32_t i = 0; i < MAX_ADDRESS_SPACES; i++) {
        struct model_space *space = &run.space[(start + i) % MAX_ADDRESS_SPACES];

        if (space->live) {
            return space;
        }
    }
    return NULL;
}

/* A reference that names no space. */
static struct object_ref bad_ref(void)
{
    if (run.any_gone && chance(70)) {
        return run.last_gone;
    }
    return (struct object_ref){below(MAX_ADDRESS_SPACES + 20), 1U << 30};
}

/* Of a space or, rarely, of none: then *space is NULL. */
static struct object_ref some_ref(struct model_space **space)
{
    *space = chance(2) ? NULL : some_space();
    return *space != NULL ? (*space)->ref : bad_ref();
}

/* A page of the universe that is mapped, or not, as wanted: if there is one near. */
static uint32_t some_page(const struct model_space *space, bool mapped)
{
    uint32_t i = below(UNIVERSE);

    for (uint32_t tries = 0; tries < 16 && space->page[i].mapped != mapped; tries++) {
        i = chance(50) ? (i + 1) % UNIVERSE : below(UNIVERSE);
    }
    return i;
}

/* An address that can never be a page of the universe, and what map and unmap say to it. */
static uint64_t bad_va(status_t *expected)
{
    uint64_t random = seeded_next(&run.random);

    switch (below(3)) {
    case 0:
        *expected = STATUS_BAD_ALIGNMENT;
        return random % USER_VA_END | 1U << below(12);
    case 1:
        *expected = STATUS_OUT_OF_RANGE;
        return chance(30) ? USER_VA_END : (random / PAGE_SIZE * PAGE_SIZE) << 8 | USER_VA_END;
    default:
        *expected = STATUS_BLOCK_MAPPED;
        return MODEL_HOLE_VA + random % neighbour[0] / PAGE_SIZE * PAGE_SIZE;
    }
}

/* What the CPU makes of page `i` of the active space is what the model says. */
static void check_cpu(uint32_t i)
{
    const struct model_page *page = &run.active->page[i];
    enum user_rights rights = USER_RIGHTS_COUNT;
    paddr_t pa = {0};
    bool found = fake_mmu_access(user_va(model_va(i) + 9), &pa, &rights);

    run_check(found == page->mapped, "the CPU sees a page or sees none");
    run_check(!found || (pa.value == page->pa + 9 && rights == page->rights),
              "the CPU sees another page");
}

/* Spend a token at once, put it into the batch, or hold it. */
static void spend(struct flush_token *token, bool into_batch)
{
    if (into_batch) {
        if (run.batch.frame_count + token->frame_count > FLUSH_BATCH_FRAMES) {
            run.emptied -= run.batch.frame_count;
        }
        flush_ignore(token, &run.batch);
    } else {
        run.emptied -= token->frame_count;
        flush_va(token);
    }
    run_check(token->arena == NULL, "a spent token");
}

static void spend_somehow(struct flush_token *token, const struct model_space *space, uint32_t page)
{
    if (run.held_count < HELD_MAX && chance(10)) {
        run.held[run.held_count] = *token;
        run.held_count++;
    } else if (chance(35)) {
        spend(token, true);
    } else {
        spend(token, false);
        if (space == run.active) {
            run_check(!fake_mmu_may_be_stale(user_va(model_va(page))), "stale after flush_va");
            check_cpu(page);
        }
    }
}

void run_spend_one(void)
{
    uint32_t i;

    if (run.held_count > 0) {
        i = below(run.held_count);
        spend(&run.held[i], chance(50));
        run.held_count--;
        run.held[i] = run.held[run.held_count];
    }
}

void run_spend_all(void)
{
    while (run.held_count > 0) {
        run_spend_one();
    }
    run.emptied -= run.batch.frame_count;
    flush_all(&run.batch);
    run_check(run.emptied == 0, "tables wait for no token");
}

void run_create(void)
{
    struct object_ref ref = {0};
    status_t status = address_space_create(&run.world->arena, &ref);
    uint32_t live = 0;
    uint32_t taken = run.hoarded + run.emptied;

    for (uint32_t i = 0; i < MAX_ADDRESS_SPACES; i++) {
        live += run.space[i].live;
        taken += run.space[i].live ? 1 + run.space[i].tables : 0;
    }
    if (live == MAX_ADDRESS_SPACES) {
        expect(OP_CREATE, status, STATUS_OBJECTS_EXHAUSTED);
    } else if (taken == run.world->pmm.frames) {
        expect(OP_CREATE, status, STATUS_OUT_OF_FRAMES);
    } else {
        expect(OP_CREATE, status, STATUS_OK);
        run_check(!run.space[ref.index].live, "a new space is none of the others");
        model_space_init(&run.space[ref.index], ref);
        *entry_of(run.world, ref, MODEL_HOLE_VA, 0) = FAKE_MMU_BLOCK_RAW;
    }
}

void run_destroy(void)
{
    struct model_space *space;
    struct object_ref ref = some_ref(&space);
    status_t expected = STATUS_STALE_OBJECT;

    run_spend_all();
    if (space != NULL) {
        expected = space->pages != 0 || space == run.active ? STATUS_IN_USE : STATUS_OK;
    }
    expect(OP_DESTROY, address_space_destroy(&run.world->arena, ref), expected);
    if (expected == STATUS_OK) {
        space->live = false;
        run.last_gone = ref;
        run.any_gone = true;
    }
}

/* Map page `i` with good arguments. */
static void map_page(struct model_space *space, uint32_t i)
{
    uint64_t pa = seeded_next(&run.random) % (1ULL << 48) / PAGE_SIZE * PAGE_SIZE;
    enum user_rights rights = (enum user_rights)below(USER_RIGHTS_COUNT);
    uint32_t free = pmm_free_frames(&run.world->pmm);
    struct flush_token token;
    status_t status = address_space_map(&run.world->arena, space->ref, user_va(model_va(i)),
                                        (paddr_t){pa}, rights, &token);

    if (space->page[i].mapped) {
        expect(OP_MAP, status, STATUS_ALREADY_MAPPED);
    } else if (model_missing(space, i) > free) {
        expect(OP_MAP, status, STATUS_OUT_OF_FRAMES);
    } else {
        expect(OP_MAP, status, STATUS_OK);
        run_check(token.frame_count == 0, "a mapping empties nothing");
        model_map(space, i, pa, rights);
        spend_somehow(&token, space, i);
    }
}

void run_map(void)
{
    struct model_space *space;
    struct object_ref ref = some_ref(&space);
    uint64_t frame = (uint64_t)below(1000) * PAGE_SIZE;
    unsigned rights = below(USER_RIGHTS_COUNT);
    status_t expected = STATUS_STALE_OBJECT;
    uint64_t va = model_va(below(UNIVERSE));
    struct flush_token token;

    if (space != NULL && !chance(6)) {
        map_page(space, some_page(space, chance(5)));
        return;
    }
    if (space != NULL && chance(60)) {
        va = bad_va(&expected);
    } else if (space != NULL && chance(33)) {
        frame += 1ULL << below(12);
        expected = STATUS_BAD_ALIGNMENT;
    } else if (space != NULL && chance(50)) {
        frame += 1ULL << (48U + below(16));
        expected = STATUS_OUT_OF_RANGE;
    } else if (space != NULL) {
        rights = USER_RIGHTS_COUNT + below(100);
        expected = STATUS_BAD_RIGHTS;
    }
    expect(OP_MAP,
           address_space_map(&run.world->arena, ref, user_va(va), (paddr_t){frame},
                             (enum user_rights)rights, &token),
           expected);
}

static void unmap_page(struct model_space *space, uint32_t i, bool into_batch)
{
    uint32_t emptied;
    struct flush_token token;
    paddr_t pa = {0};
    status_t status =
        address_space_unmap(&run.world->arena, space->ref, user_va(model_va(i)), &pa, &token);

    if (!space->page[i].mapped) {
        expect(OP_UNMAP, status, STATUS_NOT_MAPPED);
        return;
    }
    expect(OP_UNMAP, status, STATUS_OK);
    run_check(pa.value == space->page[i].pa, "the frame that was mapped");
    emptied = model_unmap(space, i);
    run_check(token.frame_count == emptied, "the tables that this empties");
    run.emptied += emptied;
    if (into_batch) {
        spend(&token, true);
    } else {
        spend_somehow(&token, space, i);
    }
}

void run_unmap(void)
{
    struct model_space *space;
    struct object_ref ref = some_ref(&space);
    status_t expected = STATUS_STALE_OBJECT;
    uint64_t va = model_va(below(UNIVERSE));
    struct flush_token token;
    paddr_t pa;

    if (space != NULL && !chance(4)) {
        unmap_page(space, some_page(space, !chance(5)), false);
        return;
    }
    if (space != NULL) {
        va = bad_va(&expected);
    }
    expect(OP_UNMAP, address_space_unmap(&run.world->arena, ref, user_va(va), &pa, &token),
           expected);
}

void run_purge(void)
{
    struct model_space *space = some_space();

    for (uint32_t i = 0; space != NULL && i < UNIVERSE; i++) {
        if (space->page[i].mapped) {
            unmap_page(space, i, true);
            run_check_step();
        }
    }
}

void run_translate(void)
{
    struct model_space *space;
    struct object_ref ref = some_ref(&space);
    uint32_t i = below(UNIVERSE);
    uint64_t offset = below(PAGE_SIZE);
    uint64_t va = model_va(i) + offset;
    status_t expected = STATUS_STALE_OBJECT;
    enum user_rights rights = USER_RIGHTS_COUNT;
    paddr_t pa = {0};

    if (space != NULL && chance(10)) {
        do {
            va = bad_va(&expected) / PAGE_SIZE * PAGE_SIZE + offset;
        } while (expected == STATUS_BAD_ALIGNMENT);
    } else if (space != NULL) {
        expected = space->page[i].mapped ? STATUS_OK : STATUS_NOT_MAPPED;
    }
    expect(OP_TRANSLATE, address_space_translate(&run.world->arena, ref, user_va(va), &pa, &rights),
           expected);
    if (expected == STATUS_OK) {
        run_check(pa.value == space->page[i].pa + offset && rights == space->page[i].rights,
                  "translates to another page");
    }
}

void run_activate(void)
{
    struct model_space *space;
    struct object_ref ref = some_ref(&space);

    run_spend_all();
    expect(OP_ACTIVATE, address_space_activate(&run.world->arena, ref),
           space != NULL ? STATUS_OK : STATUS_STALE_OBJECT);
    run.active = space != NULL ? space : run.active;
}

void run_deactivate(void)
{
    run_spend_all();
    address_space_deactivate(&run.world->arena);
    run.active = NULL;
}
