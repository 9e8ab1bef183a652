/*
 * Property: whatever is asked of the capability space, in whatever order, it answers and becomes
 * what the naive model says. Random sequences in episodes, each with an empty space of which some
 * slots are close to their last generation. Arguments: seed and number of operations; the sequence
 * is the same on every machine, and a failure says how to run it again.
 */
#include "cmocka_includes.h"
#include "model_compare.h"
#include "model_pick.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SEED       1U
#define DEFAULT_OPERATIONS 1500000U
#define EPISODE            50000U /* operations on one space */
#define MOOD               500U   /* operations in one mood */
#define COMPARE_ALL        500U   /* operations from one full comparison to the next */
/* Shorter runs need not reach everything. */
#define ENOUGH_OPERATIONS 500000U

static uint64_t seed = DEFAULT_SEED;
static uint64_t operations = DEFAULT_OPERATIONS;

static struct cap_space space;
static struct model model;
static struct pick pick;
static uint64_t done;
static uint32_t last_generation[CAP_SLOTS];
static unsigned most_live;

static const char *const op_names[OP_COUNT] = {
    "insert_root", "lookup", "copy",   "derive",         "revoke",      "drop",     "take",
    "check_park",  "park",   "unpark", "discard_parked", "table_clear", "has_room",
};

/* Every answer that an operation can give, and how often it did. Operations without a status say
 * OK. */
static struct {
    enum op op;
    status_t status;
    uint64_t count;
} answers[] = {
    {OP_INSERT_ROOT, STATUS_OK, 0},
    {OP_INSERT_ROOT, STATUS_WRONG_KIND, 0},
    {OP_INSERT_ROOT, STATUS_CAPS_EXHAUSTED, 0},
    {OP_LOOKUP, STATUS_OK, 0},
    {OP_LOOKUP, STATUS_INVALID_HANDLE, 0},
    {OP_COPY, STATUS_OK, 0},
    {OP_COPY, STATUS_INVALID_HANDLE, 0},
    {OP_COPY, STATUS_INSUFFICIENT_RIGHTS, 0},
    {OP_COPY, STATUS_WIDENED_RIGHTS, 0},
    {OP_COPY, STATUS_CAPS_EXHAUSTED, 0},
    {OP_DERIVE, STATUS_OK, 0},
    {OP_DERIVE, STATUS_INVALID_HANDLE, 0},
    {OP_DERIVE, STATUS_INSUFFICIENT_RIGHTS, 0},
    {OP_DERIVE, STATUS_WIDENED_RIGHTS, 0},
    {OP_DERIVE, STATUS_DERIVATION_TOO_DEEP, 0},
    {OP_DERIVE, STATUS_CAPS_EXHAUSTED, 0},
    {OP_REVOKE, STATUS_OK, 0},
    {OP_REVOKE, STATUS_INVALID_HANDLE, 0},
    {OP_REVOKE, STATUS_INSUFFICIENT_RIGHTS, 0},
    {OP_DROP, STATUS_OK, 0},
    {OP_DROP, STATUS_INVALID_HANDLE, 0},
    {OP_DROP, STATUS_HAS_CHILDREN, 0},
    {OP_TAKE, STATUS_OK, 0},
    {OP_TAKE, STATUS_INVALID_HANDLE, 0},
    {OP_TAKE, STATUS_HAS_CHILDREN, 0},
    {OP_CHECK_PARK, STATUS_OK, 0},
    {OP_CHECK_PARK, STATUS_INVALID_HANDLE, 0},
    {OP_CHECK_PARK, STATUS_INSUFFICIENT_RIGHTS, 0},
    {OP_PARK, STATUS_OK, 0},
    {OP_PARK, STATUS_INVALID_HANDLE, 0},
    {OP_PARK, STATUS_INSUFFICIENT_RIGHTS, 0},
    {OP_UNPARK, STATUS_OK, 0},
    {OP_UNPARK, STATUS_CAPS_EXHAUSTED, 0},
    {OP_DISCARD_PARKED, STATUS_OK, 0},
    {OP_TABLE_CLEAR, STATUS_OK, 0},
    {OP_HAS_ROOM, STATUS_OK, 0},
    {OP_HAS_ROOM, STATUS_CAPS_EXHAUSTED, 0},
};

#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

static void fail_run(enum op op, const char *what)
{
    fail_msg("seed %" PRIu64 ", operation %" PRIu64 " (%s): %s; again with the arguments: %" PRIu64
             " %" PRIu64,
             seed, done, op_names[op], what, seed, done + 1);
}

static void count_answer(enum op op, status_t status)
{
    for (size_t i = 0; i < ANSWERS; i++) {
        if (answers[i].op == op && answers[i].status == status) {
            answers[i].count++;
            return;
        }
    }
    fail_run(op, "the model's answer is none of this operation's");
}

static void expect_same_cap(enum op op, struct capability got, struct capability expected)
{
    if (got.kind != expected.kind || got.rights != expected.rights ||
        got.object.index != expected.object.index ||
        got.object.generation != expected.object.generation) {
        fail_run(op, "another capability than the model's");
    }
}

static status_t as_status(bool room)
{
    return room ? STATUS_OK : STATUS_CAPS_EXHAUSTED;
}

/* An endpoint at which nothing is parked; if there is none, one is discarded first. */
static unsigned empty_endpoint(void)
{
    unsigned endpoint = pick_endpoint(&pick);

    for (unsigned i = 0; i < MAX_ENDPOINTS && model_is_parked(&model, endpoint); i++) {
        endpoint = (endpoint + 1) % MAX_ENDPOINTS;
    }
    if (model_is_parked(&model, endpoint)) {
        cap_discard_parked(&space, endpoint);
        model_discard_parked(&model, endpoint);
    }
    return endpoint;
}

/* Operations that make or move a capability: the kernel's answer, then the model's. */
static status_t run_placing(enum op op, struct target target, status_t *expected)
{
    cap_handle_t given = {UINT64_MAX - 1}; /* nothing that the kernel could give */
    unsigned to = pick_table(&pick);
    uint64_t rights = pick_rights(&pick, &model, target);
    unsigned endpoint = pick_endpoint(&pick);
    struct capability root = pick_root(&pick);
    status_t got;

    switch (op) {
    case OP_INSERT_ROOT:
        got = cap_insert_root(&space, to, root, &given);
        *expected = model_insert_root(&model, to, root, given);
        break;
    case OP_COPY:
        got = cap_copy(&space, target.table, target.handle, rights, to, &given);
        *expected = model_copy(&model, target.table, target.handle, rights, to, given);
        break;
    case OP_DERIVE:
        got = cap_derive(&space, target.table, target.handle, rights, to, &given);
        *expected = model_derive(&model, target.table, target.handle, rights, to, given);
        break;
    default: /* OP_UNPARK */
        got = cap_unpark(&space, endpoint, to, &given);
        *expected = model_unpark(&model, endpoint, to, given);
        break;
    }
    if (got == STATUS_OK && !cap_handle_is_null(given)) {
        pick.newest = model_find(&model, to, given);
    }
    return got;
}

static status_t run_op(enum op op, struct target target, status_t *expected)
{
    struct capability cap = {0};
    struct capability expected_cap = {0};
    unsigned endpoint = op == OP_PARK ? empty_endpoint() : pick_endpoint(&pick);
    status_t got = STATUS_OK;

    *expected = STATUS_OK;
    switch (op) {
    case OP_LOOKUP:
        got = cap_lookup(&space, target.table, target.handle, &cap);
        *expected = model_lookup(&model, target.table, target.handle, &expected_cap);
        break;
    case OP_REVOKE:
        got = cap_revoke(&space, target.table, target.handle);
        *expected = model_revoke(&model, target.table, target.handle);
        break;
    case OP_DROP:
        got = cap_drop(&space, target.table, target.handle);
        *expected = model_take(&model, target.table, target.handle, &cap);
        expected_cap = cap;
        break;
    case OP_TAKE:
        got = cap_take(&space, target.table, target.handle, &cap);
        *expected = model_take(&model, target.table, target.handle, &expected_cap);
        break;
    case OP_CHECK_PARK:
        got = cap_check_park(&space, target.table, target.handle);
        *expected = model_check_park(&model, target.table, target.handle);
        break;
    case OP_PARK:
        got = cap_park(&space, target.table, target.handle, endpoint);
        *expected = model_park(&model, target.table, target.handle, endpoint);
        break;
    case OP_DISCARD_PARKED:
        cap_discard_parked(&space, endpoint);
        model_discard_parked(&model, endpoint);
        break;
    case OP_TABLE_CLEAR:
        cap_table_clear(&space, target.table);
        model_table_clear(&model, target.table);
        break;
    case OP_HAS_ROOM:
        got = as_status(cap_table_has_room(&space, target.table));
        *expected = as_status(model_has_room(&model, target.table));
        break;
    default:
        got = run_placing(op, target, expected);
        break;
    }
    expect_same_cap(op, cap, expected_cap);
    return got;
}

static void step(void)
{
    enum op op = pick_op(&pick);
    struct target target = pick_target(&pick, &model);
    status_t expected;
    status_t got;
    const char *wrong;

    model.touched_count = 0;
    got = run_op(op, target, &expected);
    if (got != expected) {
        fail_run(op, "another status than the model's");
    }
    if (model.fault != NULL) {
        fail_run(op, model.fault);
    }
    count_answer(op, expected);
    wrong = model_compare_touched(&model, &space);
    if (wrong != NULL) {
        fail_run(op, wrong);
    }
}

static void compare_all(void)
{
    const char *wrong = model_compare_all(&model, &space);
    unsigned live = 0;

    for (unsigned i = 0; i < CAP_SLOTS; i++) {
        live += model.list[i].live;
    }
    most_live = live > most_live ? live : most_live;
    for (unsigned i = 0; i < CAP_SLOTS && wrong == NULL; i++) {
        if (space.slots[i].generation < last_generation[i]) {
            wrong = "a generation went back";
        }
        last_generation[i] = space.slots[i].generation;
    }
    for (unsigned endpoint = 0; endpoint < MAX_ENDPOINTS && wrong == NULL; endpoint++) {
        if (cap_is_parked(&space, endpoint) != model_is_parked(&model, endpoint)) {
            wrong = "cap_is_parked()";
        }
    }
    if (wrong != NULL) {
        fail_run(OP_LOOKUP, wrong);
    }
}

/* A fresh space; here and there a slot is near its end, and every slot of one table. */
static void start_episode(void)
{
    unsigned dying = (unsigned)(pick_random(&pick) % CAP_TABLES);

    memset(&space, 0xA5, sizeof(space));
    cap_space_init(&space);
    model_init(&model);
    pick.newest = MODEL_NONE;
    memset(last_generation, 0, sizeof(last_generation));
    for (unsigned table = 0; table < CAP_TABLES; table++) {
        for (unsigned slot = 0; slot < CAP_TABLE_SLOTS; slot++) {
            if (table == dying || pick_random(&pick) >> 60 == 0) {
                uint32_t left = 1U + (uint32_t)(pick_random(&pick) % (table == dying ? 3 : 64));

                model.generation[table][slot] = UINT32_MAX - left;
                space.slots[table * CAP_TABLE_SLOTS + slot].generation = UINT32_MAX - left;
            }
        }
    }
}

static void the_space_does_what_the_model_says(void **state)
{
    (void)state;
    pick_start(&pick, seed);
    for (done = 0; done < operations; done++) {
        if (done % EPISODE == 0) {
            start_episode();
        }
        if (done % MOOD == 0) {
            pick_mood(&pick);
        }
        step();
        if (done % COMPARE_ALL == 0 || done + 1 == operations) {
            compare_all();
        }
    }
}

static void assert_happened(uint64_t count, const char *what)
{
    print_message("  %-32s %" PRIu64 "\n", what, count);
    if (count == 0 && operations >= ENOUGH_OPERATIONS) {
        fail_msg("seed %" PRIu64 ": never happened: %s", seed, what);
    }
}

static void skip_after_a_failure(void)
{
    if (done < operations) {
        skip();
    }
}

static void every_answer_was_given(void **state)
{
    (void)state;
    skip_after_a_failure();
    for (size_t i = 0; i < ANSWERS; i++) {
        char what[64];

        (void)snprintf(what, sizeof(what), "%s: status 0x%x", op_names[answers[i].op],
                       (unsigned)answers[i].status);
        assert_happened(answers[i].count, what);
    }
}

static void every_interesting_state_was_reached(void **state)
{
    (void)state;
    skip_after_a_failure();
    assert_happened(model.events.revoked_in_other_tables, "revoked in other tables");
    assert_happened(model.events.revoked_parked, "revoked while parked");
    assert_happened(model.events.delivered_null, "delivered as null handle");
    assert_happened(model.events.moved_with_children, "moved with children");
    assert_happened(model.events.lifted_by_clear, "lifted by table_clear");
    assert_happened(model.events.lifted_by_discard, "lifted by discard_parked");
    assert_happened(model.events.lifted_to_roots, "lifted to be roots");
    assert_happened(model.events.discarded_nothing, "discarded nothing");
    assert_happened(model.events.tables_filled, "tables filled");
    assert_happened(model.events.depth_16, "depth 16");
    assert_happened(most_live > CAP_SLOTS * 3 / 4 ? most_live : 0, "live at once");
    assert_happened(model.events.slots_retired, "slots retired");
    assert_happened(model.events.tables_retired, "tables retired entirely");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_space_does_what_the_model_says),
        cmocka_unit_test(every_answer_was_given),
        cmocka_unit_test(every_interesting_state_was_reached),
    };

    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : seed;
    operations = argc > 2 ? strtoull(argv[2], NULL, 0) : operations;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
