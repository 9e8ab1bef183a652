/*
 * Property: address spaces behave as flat maps. Random operations, good and bad, over several
 * spaces with dense and lonely pages, with many and with few frames; tokens are spent at once, in
 * batches, or late. After each step all counts are exact and the CPU of the fake MMU, at its worst,
 * could do nothing wrong.
 *
 * Arguments: seed, number of steps. The seed is printed on failure.
 */
#include "space_run.h"

#define ROUNDS     10U
#define SCAN_EVERY 200U

static const struct {
    enum operation operation;
    status_t status;
} reachable[] = {
    {OP_CREATE, STATUS_OK},
    {OP_CREATE, STATUS_OBJECTS_EXHAUSTED},
    {OP_CREATE, STATUS_OUT_OF_FRAMES},
    {OP_DESTROY, STATUS_OK},
    {OP_DESTROY, STATUS_STALE_OBJECT},
    {OP_DESTROY, STATUS_IN_USE},
    {OP_MAP, STATUS_OK},
    {OP_MAP, STATUS_STALE_OBJECT},
    {OP_MAP, STATUS_BAD_ALIGNMENT},
    {OP_MAP, STATUS_OUT_OF_RANGE},
    {OP_MAP, STATUS_BAD_RIGHTS},
    {OP_MAP, STATUS_ALREADY_MAPPED},
    {OP_MAP, STATUS_BLOCK_MAPPED},
    {OP_MAP, STATUS_OUT_OF_FRAMES},
    {OP_UNMAP, STATUS_OK},
    {OP_UNMAP, STATUS_STALE_OBJECT},
    {OP_UNMAP, STATUS_BAD_ALIGNMENT},
    {OP_UNMAP, STATUS_OUT_OF_RANGE},
    {OP_UNMAP, STATUS_NOT_MAPPED},
    {OP_UNMAP, STATUS_BLOCK_MAPPED},
    {OP_TRANSLATE, STATUS_OK},
    {OP_TRANSLATE, STATUS_STALE_OBJECT},
    {OP_TRANSLATE, STATUS_OUT_OF_RANGE},
    {OP_TRANSLATE, STATUS_NOT_MAPPED},
    {OP_TRANSLATE, STATUS_BLOCK_MAPPED},
    {OP_ACTIVATE, STATUS_OK},
    {OP_ACTIVATE, STATUS_STALE_OBJECT},
};

/* A step; of the changes, `map_percent` map. */
static void random_step(uint32_t map_percent)
{
    uint32_t dice = seeded_below(&run.random, 1000);

    if (dice < 30) {
        run_create();
    } else if (dice < 45) {
        run_destroy();
    } else if (dice < 70) {
        run_activate();
    } else if (dice < 75) {
        run_deactivate();
    } else if (dice < 80) {
        run_hoard();
    } else if (dice < 85) {
        run_release();
    } else if (dice < 88) {
        run_purge();
    } else if (dice < 100) {
        run_spend_all();
    } else if (dice < 130) {
        run_spend_one();
    } else if (dice < 250) {
        run_translate();
    } else if (seeded_chance(&run.random, map_percent)) {
        run_map();
    } else {
        run_unmap();
    }
}

/* Everything unmapped, destroyed and released leaves the frames as they were at the start. */
static void end_round(void)
{
    run_deactivate();
    run_release();
    for (uint32_t i = 0; i < MAX_ADDRESS_SPACES; i++) {
        struct model_space *space = &run.space[i];

        for (uint32_t page = 0; space->live && page < UNIVERSE; page++) {
            if (space->page[page].mapped) {
                unmap_now(run.world, space->ref, model_va(page));
            }
        }
        run_check(!space->live || address_space_destroy(&run.world->arena, space->ref) == STATUS_OK,
                  "the last destruction");
    }
    run_check(pmm_free_frames(&run.world->pmm) == run.world->pmm.frames, "a frame is lost");
    run_check(object_count(&run.world->arena.arena) == 0, "a space is left");
}

static void spaces_are_flat_maps(void **state)
{
    static const uint32_t frames[] = {500, 30, 90, 14, 200};
    const uint64_t round_steps = run.random.steps / ROUNDS;
    uint32_t map_percent = 50;

    (void)state;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        run_world(frames[round % (sizeof(frames) / sizeof(frames[0]))]);
        for (uint64_t step = 0; step < round_steps; step++) {
            if (step % 500 == 0) {
                map_percent = 30 + 10 * seeded_below(&run.random, 6);
            }
            random_step(map_percent);
            run_check_step();
            if (step % SCAN_EVERY == 0) {
                run_check_tables();
            }
            run.random.step++;
        }
        end_round();
    }
    for (size_t i = 0; i < sizeof(reachable) / sizeof(reachable[0]); i++) {
        run_check(run.reached[reachable[i].operation][reachable[i].status] > 0,
                  "an outcome was never reached");
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spaces_are_flat_maps),
    };

    seeded_start(&run.random, argc, argv, 500000);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
