/* The fake physical memory of fake.h. */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

int fake_setup(void **state)
{
    struct fake *fake = calloc(1, sizeof(*fake));

    if (fake == NULL) {
        return -1;
    }
    fake->words = calloc(FAKE_SIZE / 8, 8);
    fake->next_table = FAKE_BASE;
    *state = fake;
    return fake->words == NULL ? -1 : 0;
}

int fake_teardown(void **state)
{
    struct fake *fake = *state;

    free(fake->words);
    free(fake);
    return 0;
}

int fake_read(void *ctx, uint64_t pa, uint64_t *value)
{
    struct fake *fake = ctx;

    fake->reads++;
    assert_int_equal(pa % 8, 0);
    if (pa == fake->fail_pa) {
        return fake->fail_outcome;
    }
    if (pa < FAKE_BASE || pa >= FAKE_BASE + FAKE_SIZE) {
        return 1;
    }
    *value = fake->words[(pa - FAKE_BASE) / 8];
    return 0;
}

void fake_write(struct fake *fake, uint64_t pa, uint64_t value)
{
    assert_in_range(pa, FAKE_BASE, FAKE_BASE + FAKE_SIZE - 8);
    fake->words[(pa - FAKE_BASE) / 8] = value;
}

uint64_t fake_table(struct fake *fake, uint64_t size)
{
    uint64_t pa = (fake->next_table + size - 1) & ~(size - 1);

    assert_true(pa + size <= FAKE_BASE + FAKE_SIZE);
    fake->next_table = pa + size;
    memset(&fake->words[(pa - FAKE_BASE) / 8], 0, size);
    return pa;
}

struct rig_walk_regs fake_regs(unsigned granule_bits, unsigned txsz)
{
    uint64_t tg0 = granule_bits == 12 ? 0 : (granule_bits == 14 ? 2 : 1);
    uint64_t tg1 = granule_bits == 12 ? 2 : (granule_bits == 14 ? 1 : 3);

    return (struct rig_walk_regs){
        .sctlr = 0x5, /* M, C */
        .tcr = txsz | (uint64_t)txsz << 16 | tg0 << 14 | tg1 << 30 | UINT64_C(5) << 32,
        .mair = 0xff00,             /* 0: Device-nGnRnE, 1: Normal WBWA */
        .id_aa64mmfr0 = 0x100005,   /* PARange 48 bits; TGran16, TGran64 and TGran4 there */
        .id_aa64mmfr1 = 0x1000,     /* HPDS */
        .id_aa64mmfr2 = 0x10000000, /* ST */
    };
}

struct rig_walk_regs fake_el2_regs(unsigned granule_bits, unsigned t0sz)
{
    struct rig_walk_regs regs = fake_regs(granule_bits, t0sz);

    regs.tcr = t0sz | (regs.tcr & UINT64_C(0xc000)) | 5 << 16; /* T0SZ, TG0, PS */
    regs.regime = RIG_WALK_REGIME_EL2;
    return regs;
}

struct rig_walk_result fake_walk(struct fake *fake, const struct rig_walk_regs *regs, uint64_t va)
{
    struct rig_walk_result result;
    enum rig_walk_status status;

    memset(&result, 0xa5, sizeof(result)); /* the walker must fill all of it */
    fake->reads = 0;
    status = rig_walk(regs, fake_read, fake, va, &result);
    assert_int_equal(status, result.status);
    assert_int_equal(result.va, va);
    assert_int_equal(result.upper, regs->regime == RIG_WALK_REGIME_EL2 ? 0 : (va >> 55) & 1);
    assert_int_equal(result.regime, regs->regime);
    assert_int_equal(result.step_count, fake->reads);
    assert_int_equal(result.has_pa, status == RIG_WALK_OK || status == RIG_WALK_FAULT_ACCESS_FLAG);
    return result;
}

void rights_text(const struct rig_walk_attributes *attr, char el1[4], char el0[4])
{
    const uint8_t given[2][3] = {{attr->el1_read, attr->el1_write, attr->el1_exec},
                                 {attr->el0_read, attr->el0_write, attr->el0_exec}};
    char *texts[2] = {el1, el0};

    for (size_t level = 0; level < 2; level++) {
        for (size_t right = 0; right < 3; right++) {
            assert_in_range(given[level][right], 0, 1);
            texts[level][right] = given[level][right] != 0 ? "rwx"[right] : '-';
        }
        texts[level][3] = '\0';
    }
}
