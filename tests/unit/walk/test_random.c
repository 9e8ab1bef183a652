/*
 * Property: a range says about each address what a single walk says. On randomly made tables, for
 * every page of small address spaces and for chosen addresses of 48-bit ones. Seeded: a failure
 * prints the seed, and the same seeds run each time.
 */
#include "runs.h"

#include <inttypes.h>

static uint64_t random_state;

/* xorshift64*, so that the sequence is the same on every C library. */
static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

/* A descriptor: a quarter tables (into the pool), the rest leaves and rubbish; neighbours often
 * alike, so that runs do form. */
static uint64_t random_descriptor(uint64_t pool, uint64_t granule, uint64_t tables, uint64_t index)
{
    static const uint64_t kinds[] = {0, D_BLOCK, D_PAGE, D_BLOCK, D_PAGE, 1, 2, 3};
    uint64_t random = next_random();
    uint64_t bits = 0;

    if (random % 4 == 0) {
        uint64_t attributes = next_random() % 8 == 0 ? next_random() & UINT64_C(0xf) << 59 : 0;
        return (pool + next_random() % tables * granule) | D_TABLE | attributes;
    }
    if (random % 16 == 1) {
        return next_random(); /* anything at all */
    }
    if (random % 8 == 2) {
        bits = next_random() & (UINT64_C(0xffc) | UINT64_C(0x7c) << 48);
    }
    return (UINT64_C(0x80000000) + index * granule) | bits | kinds[random / 64 % 8];
}

/* Half of the entries of each table repeat the kind and bits of the one before, with the next PA.
 */
static void fill(struct fake *fake, uint64_t pool, uint64_t granule, uint64_t tables)
{
    for (uint64_t table = 0; table < tables; table++) {
        uint64_t before = 0;

        for (uint64_t index = 0; index < granule / 8; index++) {
            uint64_t descriptor = next_random() % 4 != 0 && (before & 2) != 0 && index % 64 != 0
                                      ? before + granule
                                      : random_descriptor(pool, granule, tables, index);
            fake_write(fake, pool + table * granule + 8 * index, descriptor);
            before = descriptor;
        }
    }
}

static struct rig_walk_regs random_regs(struct fake *fake, unsigned granule_bits, unsigned txsz,
                                        uint64_t tables)
{
    struct rig_walk_regs regs = fake_regs(granule_bits, txsz);
    uint64_t granule = UINT64_C(1) << granule_bits;
    uint64_t pool;

    fake->next_table = FAKE_BASE;
    pool = fake_table(fake, granule);
    for (uint64_t i = 1; i < tables; i++) {
        (void)fake_table(fake, granule);
    }
    fill(fake, pool, granule, tables);
    regs.ttbr0 = pool;
    regs.ttbr1 = pool + next_random() % tables * granule;
    regs.mair = next_random();
    regs.sctlr |= next_random() & UINT64_C(1) << 19;
    regs.tcr |= next_random() & UINT64_C(7) << 39; /* HA, HD, HPD0 */
    regs.id_aa64mmfr1 |= next_random() % 3;
    return regs;
}

static const struct rig_walk_run *run_at(const struct runs *runs, uint64_t va)
{
    size_t low = 0;
    size_t high = runs->count - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (runs->run[middle].last_va < va) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return &runs->run[low];
}

static void assert_agree(struct fake *fake, const struct rig_walk_regs *regs,
                         const struct runs *runs, uint64_t va, uint64_t seed)
{
    struct rig_walk_result result = fake_walk(fake, regs, va);

    if (!run_agrees(run_at(runs, va), &result)) {
        fail_msg("seed %" PRIu64 ": range and walk differ at 0x%" PRIx64, seed, va);
    }
}

static void every_page_of_small_spaces(void **state)
{
    /* 2^25 bytes with 4 and 16 KiB, 2^29 with 64 KiB: 8192 pages, start levels 2 and 3; then
     * 2^21 with 4 KiB. */
    static const struct {
        unsigned granule_bits;
        unsigned txsz;
    } rows[] = {{12, 39}, {14, 39}, {16, 35}, {14, 37}, {12, 43}};

    for (uint64_t seed = 1; seed <= 60; seed++) {
        size_t row = seed % (sizeof(rows) / sizeof(rows[0]));
        uint64_t page = UINT64_C(1) << rows[row].granule_bits;
        uint64_t span = UINT64_C(1) << (64 - rows[row].txsz);
        struct rig_walk_regs regs;
        struct runs *runs;

        random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        regs = random_regs(*state, rows[row].granule_bits, rows[row].txsz, 8);
        runs = runs_of(*state, &regs, 0, span - 1);
        for (uint64_t va = 0; va < span; va += page) {
            assert_agree(*state, &regs, runs, va, seed);
            assert_agree(*state, &regs, runs, va + page - 1, seed);
        }
    }
}

/* Pieces of 48-bit spaces around random addresses, both halves and the hole's edges. */
static void pieces_of_large_spaces(void **state)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        unsigned granule_bits = 12 + 2 * (unsigned)(seed % 3);
        struct rig_walk_regs regs;
        struct runs *runs;
        uint64_t first;
        uint64_t last;

        random_state = seed * UINT64_C(0xd1342543de82ef95);
        regs = random_regs(*state, granule_bits, 16 + (unsigned)(next_random() % 20), 12);
        first = next_random() >> (next_random() % 2 == 0 ? 16 : 0);
        if (next_random() % 2 == 0) {
            first |= UPPER_ONES(40);
        }
        last = first + (next_random() & ((UINT64_C(4096) << granule_bits) - 1));
        if (last < first) {
            last = UINT64_MAX;
        }
        runs = runs_of(*state, &regs, first, last);
        for (size_t i = 0; i < runs->count; i++) {
            const struct rig_walk_run *run = &runs->run[i];

            assert_agree(*state, &regs, runs, run->first_va, seed);
            assert_agree(*state, &regs, runs, run->last_va, seed);
            assert_agree(*state, &regs, runs,
                         run->first_va + next_random() % (run->last_va - run->first_va + 1), seed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_page_of_small_spaces, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(pieces_of_large_spaces, fake_setup, fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
