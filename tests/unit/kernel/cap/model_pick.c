#include "model_pick.h"

/* How likely each operation is, in each mood. */
static const struct {
    unsigned weight[OP_COUNT];
    unsigned newest_in_16; /* how often a handle is the newest one's */
} moods[] = {
    /* root look copy derive revoke drop take check park unpark discard clear room */
    {{20, 8, 30, 40, 0, 1, 1, 1, 3, 3, 0, 0, 1}, 1},   /* grow */
    {{3, 4, 4, 80, 0, 1, 0, 1, 4, 6, 0, 0, 1}, 14},    /* deepen */
    {{2, 8, 6, 8, 3, 35, 30, 2, 3, 3, 1, 1, 1}, 4},    /* shrink */
    {{4, 4, 8, 12, 1, 3, 2, 6, 30, 36, 4, 0, 2}, 2},   /* move */
    {{8, 8, 16, 24, 4, 12, 8, 4, 10, 10, 3, 1, 2}, 2}, /* anything */
};

#define MOODS (sizeof(moods) / sizeof(moods[0]))

/* xorshift64*, so that the sequence is the same on every C library. */
uint64_t pick_random(struct pick *pick)
{
    pick->random ^= pick->random >> 12;
    pick->random ^= pick->random << 25;
    pick->random ^= pick->random >> 27;
    return pick->random * UINT64_C(0x2545f4914f6cdd1d);
}

/* Below `bound`. The upper bits are the better ones. */
static unsigned below(struct pick *pick, unsigned bound)
{
    return (unsigned)((pick_random(pick) >> 32) % bound);
}

static bool one_in(struct pick *pick, unsigned n)
{
    return below(pick, n) == 0;
}

void pick_start(struct pick *pick, uint64_t seed)
{
    *pick =
        (struct pick){.random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15), .newest = MODEL_NONE};
    if (pick->random == 0) {
        pick->random = 1;
    }
    pick_mood(pick);
}

void pick_mood(struct pick *pick)
{
    pick->mood = below(pick, MOODS);
    pick->favourite = below(pick, CAP_TABLES);
}

enum op pick_op(struct pick *pick)
{
    const unsigned *weight = moods[pick->mood].weight;
    unsigned total = 0;
    unsigned left;
    unsigned op = 0;

    for (unsigned i = 0; i < OP_COUNT; i++) {
        total += weight[i];
    }
    for (left = below(pick, total); left >= weight[op]; op++) {
        left -= weight[op];
    }
    return (enum op)op;
}

static cap_handle_t garbage(struct pick *pick)
{
    uint64_t random = pick_random(pick);

    switch (below(pick, 4)) {
    case 0:
        return NULL_CAP_HANDLE;
    case 1:
        return (cap_handle_t){random};
    case 2:
        return (cap_handle_t){random >> 16}; /* well-formed */
    default:
        return (cap_handle_t){random % 128}; /* in generation 0, or behind the table's end */
    }
}

static struct target damaged(struct pick *pick, struct target target)
{
    switch (below(pick, 4)) {
    case 0:
        target.handle.raw ^= UINT64_C(1) << (48 + below(pick, 16));
        break;
    case 1:
        target.handle.raw ^= UINT64_C(1) << (16 + below(pick, 32)); /* the generation */
        break;
    case 2:
        target.handle.raw ^= UINT64_C(1) << below(pick, 16); /* the index */
        break;
    default:
        target.table = pick_table(pick);
        break;
    }
    return target;
}

struct target pick_target(struct pick *pick, const struct model *model)
{
    struct target target = {pick_table(pick), NULL_CAP_HANDLE};
    int index = pick->newest;
    unsigned sort = below(pick, 32);

    if (sort == 0) {
        target.handle = garbage(pick);
        return target;
    }
    if (sort <= 2 && model->stale_count != 0) {
        unsigned filled = model->stale_count < MODEL_STALE ? model->stale_count : MODEL_STALE;
        unsigned i = below(pick, filled);

        return (struct target){model->stale[i].table, model->stale[i].handle};
    }
    if (below(pick, 16) >= moods[pick->mood].newest_in_16) {
        index = MODEL_NONE;
    }
    for (unsigned tries = 0; tries < 16; tries++) {
        if (index != MODEL_NONE && model->list[index].live &&
            model->list[index].place.table != CAP_TABLE_PARKED) {
            target = (struct target){model->list[index].place.table, model_handle(model, index)};
            break;
        }
        index = (int)below(pick, CAP_SLOTS);
    }
    return sort <= 4 ? damaged(pick, target) : target;
}

unsigned pick_table(struct pick *pick)
{
    return one_in(pick, 3) ? pick->favourite : below(pick, CAP_TABLES);
}

unsigned pick_endpoint(struct pick *pick)
{
    return below(pick, MAX_ENDPOINTS);
}

uint64_t pick_rights(struct pick *pick, const struct model *model, struct target target)
{
    int index = model_find(model, target.table, target.handle);
    uint64_t held = index == MODEL_NONE ? CAP_RIGHTS_ALL : model->list[index].cap.rights;
    uint64_t unknown = one_in(pick, 4) ? pick_random(pick) << 8 : 0;

    switch (below(pick, 16)) {
    case 0:
        return pick_random(pick);
    case 1:
        return unknown | (held & pick_random(pick));
    case 2:
        return unknown | (held ^ 1U << below(pick, 8)); /* one less or one too many */
    default:
        return unknown | held;
    }
}

struct capability pick_root(struct pick *pick)
{
    struct capability cap = {
        .object = {below(pick, 16), (uint32_t)pick_random(pick)},
        .kind = (uint8_t)(1 + below(pick, CAP_KIND_COUNT - 1)),
        .rights = CAP_RIGHTS_ALL,
    };

    if (one_in(pick, 16)) {
        cap.kind = one_in(pick, 2) ? CAP_KIND_NONE : (uint8_t)(CAP_KIND_COUNT + below(pick, 200));
    }
    if (one_in(pick, 4)) {
        cap.rights = (uint8_t)pick_random(pick);
    }
    return cap;
}
