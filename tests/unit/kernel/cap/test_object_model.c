/*
 * Property: an arena answers what plain arrays say, for random allocations and frees with valid,
 * stale and garbage references. Arguments: seed and number of operations; a failure says how to run
 * it again.
 */
#include "cmocka_includes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <tyrne/object.h>

#define EPISODE           1000U /* operations on one arena */
#define ENOUGH_OPERATIONS 100000U

static uint64_t seed = 1;
static uint64_t operations = 300000;

static struct object_arena arena;
static struct {
    unsigned capacity;
    bool live[OBJECT_ARENA_MAX];
    uint32_t generation[OBJECT_ARENA_MAX];
} model;

static uint64_t random_state;
static uint64_t done;
static uint64_t allocated;
static uint64_t exhausted;
static uint64_t freed;
static uint64_t refused;
static uint64_t retired;
static uint64_t all_retired;

/* xorshift64*, so that the sequence is the same on every C library. */
static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545f4914f6cdd1d) >> 8;
}

static void expect(bool holds, const char *what)
{
    if (!holds) {
        fail_msg("seed %" PRIu64 ", operation %" PRIu64 ": %s; again with the arguments: %" PRIu64
                 " %" PRIu64,
                 seed, done, what, seed, done + 1);
    }
}

static void start_episode(void)
{
    memset(&arena, 0xA5, sizeof(arena));
    memset(&model, 0, sizeof(model));
    model.capacity = 1U + (unsigned)(next_random() % OBJECT_ARENA_MAX);
    object_arena_init(&arena, model.capacity);
    for (unsigned i = 0; i < model.capacity; i++) {
        if (next_random() % 3 == 0) {
            model.generation[i] = UINT32_MAX - 1U - (uint32_t)(next_random() % 8);
            arena.generation[i] = model.generation[i];
        }
    }
}

static bool model_live(struct object_ref ref)
{
    return ref.index < model.capacity && model.live[ref.index] &&
           model.generation[ref.index] == ref.generation;
}

/* The index that the next object gets, or the capacity. */
static unsigned model_next(void)
{
    unsigned i = 0;

    while (i < model.capacity && (model.live[i] || model.generation[i] == UINT32_MAX)) {
        i++;
    }
    return i;
}

static void step_alloc(void)
{
    struct object_ref ref = {77, 88};
    unsigned next = model_next();
    status_t got = object_alloc(&arena, &ref);

    if (next == model.capacity) {
        expect(got == STATUS_OBJECTS_EXHAUSTED, "an object out of nothing");
        expect(ref.index == 77 && ref.generation == 88, "a reference in spite of an error");
        exhausted++;
        return;
    }
    expect(got == STATUS_OK, "an allocation is refused");
    expect(ref.index == next && ref.generation == model.generation[next], "another reference");
    model.live[next] = true;
    allocated++;
}

static struct object_ref random_ref(void)
{
    uint32_t index = (uint32_t)(next_random() % model.capacity);
    struct object_ref ref = {index, model.generation[index]};

    switch (next_random() % 8) {
    case 0:
        ref.generation -= 1U + (uint32_t)(next_random() % 3);
        break;
    case 1:
        ref.generation ^= 1U << next_random() % 32;
        break;
    case 2:
        ref.index ^= 1U << next_random() % 32;
        break;
    default:
        break;
    }
    return ref;
}

static void step_free(void)
{
    struct object_ref ref = random_ref();
    bool live = model_live(ref);
    status_t got = object_free(&arena, ref);

    expect(got == (live ? STATUS_OK : STATUS_STALE_OBJECT), "another status of a free");
    if (!live) {
        refused++;
        return;
    }
    model.live[ref.index] = false;
    model.generation[ref.index]++;
    freed++;
    if (model.generation[ref.index] == UINT32_MAX) {
        unsigned ended = 0;

        for (unsigned i = 0; i < model.capacity; i++) {
            ended += model.generation[i] == UINT32_MAX;
        }
        retired++;
        all_retired += ended == model.capacity;
    }
}

static void compare(void)
{
    struct object_ref any = random_ref();
    unsigned count = 0;

    expect(object_live(&arena, any) == model_live(any), "liveness of any reference");
    for (unsigned i = 0; i < OBJECT_ARENA_MAX; i++) {
        struct object_ref ref = {i, model.generation[i]};
        bool can_be_given = i < model.capacity && !model.live[i] && ref.generation != UINT32_MAX;

        expect(object_live(&arena, ref) == model.live[i], "liveness");
        expect(arena.generation[i] == ref.generation, "generation");
        expect((arena.free >> i & 1) == can_be_given, "what can be given out");
        if (model.live[i]) {
            struct object_ref got = object_at(&arena, i);

            expect(got.index == i && got.generation == ref.generation, "reference at an index");
            count++;
        }
    }
    expect(object_count(&arena) == count, "number of live objects");
}

static void the_arena_does_what_the_model_says(void **state)
{
    unsigned allocs_in_16 = 8;

    (void)state;
    random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (done = 0; done < operations; done++) {
        if (done % EPISODE == 0) {
            start_episode();
        }
        if (done % 50 == 0) {
            allocs_in_16 = 2 + (unsigned)(next_random() % 13);
        }
        if (next_random() % 16 < allocs_in_16) {
            step_alloc();
        } else {
            step_free();
        }
        compare();
    }
}

static void every_answer_was_given(void **state)
{
    (void)state;
    if (done < operations) { /* it has failed already */
        skip();
    }
    print_message("  allocated %" PRIu64 ", exhausted %" PRIu64 ", freed %" PRIu64
                  ", refused %" PRIu64 ", retired %" PRIu64 ", whole arenas %" PRIu64 "\n",
                  allocated, exhausted, freed, refused, retired, all_retired);
    if (operations >= ENOUGH_OPERATIONS) {
        assert_true(allocated != 0 && exhausted != 0 && freed != 0 && refused != 0);
        assert_true(retired != 0 && all_retired != 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_arena_does_what_the_model_says),
        cmocka_unit_test(every_answer_was_given),
    };

    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : seed;
    operations = argc > 2 ? strtoull(argv[2], NULL, 0) : operations;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
