/* One address: the walk itself, and the step that the range iterator shares with it. */
#include <string.h>

#include "internal.h"

unsigned rig_walk_abi(void)
{
    return RIG_WALK_ABI;
}

size_t rig_walk_result_size(void)
{
    return sizeof(struct rig_walk_result);
}

size_t rig_walk_run_size(void)
{
    return sizeof(struct rig_walk_run);
}

size_t rig_walk_entry_size(void)
{
    return sizeof(struct rig_walk_entry);
}

/* Read a descriptor in the walker's byte order (SCTLR_ELx.EE). */
enum rig_walk_status rw_read(struct rw_context *context, uint64_t pa, uint64_t *descriptor)
{
    uint64_t value = 0;
    int outcome;

    *descriptor = 0;
    if (context->reads_left == 0) {
        return RIG_WALK_LIMIT;
    }
    context->reads_left--;
    outcome = context->read(context->ctx, pa, &value);
    if (outcome != 0) {
        return outcome < 0 ? RIG_WALK_STOPPED : RIG_WALK_READ_FAILED;
    }
    if ((context->regs->sctlr & SCTLR_EL1_EE_BIT) != 0) {
        value = __builtin_bswap64(value);
    }
    *descriptor = value;
    return RIG_WALK_OK;
}

void rw_begin(const struct rw_half *half, uint64_t va, struct rig_walk_result *result)
{
    memset(result, 0, sizeof(*result));
    result->va = va;
    result->upper = half->upper;
    result->txsz = half->txsz;
    result->regime = half->el2 ? RIG_WALK_REGIME_EL2 : RIG_WALK_REGIME_EL1_0;
}

static void finish(struct rig_walk_result *result, enum rig_walk_status status,
                   enum rig_walk_reason reason)
{
    result->status = (uint8_t)status;
    result->reason = (uint8_t)reason;
}

/* MMU off: VA = PA up to PARange, the tag dropped where TBI says so. */
static void answer_flat(const struct rig_walk_regs *regs, const struct rw_half *half,
                        struct rig_walk_result *result)
{
    unsigned bits = rw_physical_bits(regs);
    uint64_t pa = result->va;

    if (half->tbi) {
        pa &= (UINT64_C(1) << (RW_CHUNK_BITS + 1)) - 1;
    }
    if (pa >> bits != 0) {
        finish(result, RIG_WALK_FAULT_ADDRESS_SIZE, RIG_WALK_REASON_FLAT_ADDRESS);
        return;
    }
    result->pa = pa;
    result->has_pa = 1;
    result->size = UINT64_C(1) << bits;
    rw_flat_attributes(regs, &result->attr);
}

bool rw_answer_early(const struct rig_walk_regs *regs, const struct rw_half *half,
                     struct rig_walk_result *result)
{
    uint64_t chunk = result->va & ~((UINT64_C(1) << RW_CHUNK_BITS) - 1);
    uint64_t first;
    uint64_t last;

    if (rw_mmu_off(regs)) {
        answer_flat(regs, half, result);
        return true;
    }
    rw_half_window(half, chunk, &first, &last);
    if (result->va < first || result->va > last) {
        finish(result, RIG_WALK_FAULT_HOLE, RIG_WALK_REASON_NONE);
        return true;
    }
    if (half->walk_disabled) {
        finish(result, RIG_WALK_FAULT_WALK_DISABLED, RIG_WALK_REASON_NONE);
        return true;
    }
    if (half->problem != RIG_WALK_OK) {
        finish(result, half->problem, half->reason);
        return true;
    }
    return false;
}

struct rw_node rw_root(const struct rw_half *half)
{
    return (struct rw_node){.table_pa = half->root_pa, .level = half->start_level};
}

static uint64_t entry_pa(const struct rw_half *half, const struct rw_node *node, uint64_t va)
{
    uint64_t within = va & ((UINT64_C(1) << half->input_bits) - 1);
    uint64_t index = within >> rw_level_shift(half, node->level);

    return node->table_pa + 8 * (index & ((UINT64_C(1) << half->stride) - 1));
}

/* A valid block or page. The output address is checked before the access flag: DDI 0487 D8.3. */
static void finish_leaf(struct rw_context *context, const struct rw_half *half,
                        const struct rw_node *node, uint64_t descriptor,
                        struct rig_walk_result *result)
{
    uint64_t base = descriptor & DESC_LEAF_OA_MASK & ~(result->size - 1);

    if (!rw_address_fits(half, base, descriptor)) {
        finish(result, RIG_WALK_FAULT_ADDRESS_SIZE, RIG_WALK_REASON_OUTPUT_ADDRESS);
        return;
    }
    result->pa = base | (result->va & (result->size - 1));
    result->has_pa = 1;
    rw_leaf_attributes(context->regs, half, &node->inherited, descriptor, &result->attr);
    if (result->attr.af == 0 && !half->hardware_access_flag) {
        rw_remove_rights(&result->attr);
        finish(result, RIG_WALK_FAULT_ACCESS_FLAG, RIG_WALK_REASON_NONE);
        return;
    }
    finish(result, RIG_WALK_OK, RIG_WALK_REASON_NONE);
}

/* A valid table descriptor: true when the next table may be used. */
static bool descend(const struct rw_half *half, const struct rw_node *node, uint64_t descriptor,
                    struct rw_node *child, struct rig_walk_result *result)
{
    uint64_t granule = UINT64_C(1) << half->granule_bits;
    uint64_t next = descriptor & DESC_TABLE_NEXT_MASK & ~(granule - 1);

    if (!rw_address_fits(half, next, descriptor)) {
        finish(result, RIG_WALK_FAULT_ADDRESS_SIZE, RIG_WALK_REASON_TABLE_ADDRESS);
        return false;
    }
    child->table_pa = next;
    child->level = (uint8_t)(node->level + 1);
    child->inherited = node->inherited;
    rw_inherit(half, descriptor, &child->inherited);
    return true;
}

bool rw_step(struct rw_context *context, const struct rw_half *half, const struct rw_node *node,
             struct rw_node *child, struct rig_walk_result *result)
{
    struct rig_walk_step *step = &result->steps[node->level - half->start_level];
    enum rig_walk_status status;

    result->step_count = (uint8_t)(node->level - half->start_level + 1);
    result->level = node->level;
    result->size = UINT64_C(1) << rw_level_shift(half, node->level);
    step->level = node->level;
    step->descriptor_pa = entry_pa(half, node, result->va);
    status = rw_read(context, step->descriptor_pa, &step->descriptor);
    step->read = status == RIG_WALK_OK;
    if (status != RIG_WALK_OK) {
        finish(result, status, RIG_WALK_REASON_NONE);
        return false;
    }
    switch (rw_classify(half, node->level, step->descriptor)) {
    case RW_TABLE:
        return descend(half, node, step->descriptor, child, result);
    case RW_LEAF:
        finish_leaf(context, half, node, step->descriptor, result);
        return false;
    case RW_RESERVED:
        finish(result, RIG_WALK_FAULT_TRANSLATION, RIG_WALK_REASON_RESERVED);
        return false;
    case RW_INVALID:
    default:
        finish(result, RIG_WALK_FAULT_TRANSLATION, RIG_WALK_REASON_INVALID);
        return false;
    }
}

enum rig_walk_status rig_walk(const struct rig_walk_regs *regs, rig_walk_read_u64 read, void *ctx,
                              uint64_t va, struct rig_walk_result *result)
{
    struct rw_context context = {
        .regs = regs, .read = read, .ctx = ctx, .reads_left = RIG_WALK_MAX_STEPS};
    struct rw_half half;
    struct rw_node node;

    rw_half_setup(regs, rw_half_of(regs, va) != 0, &half);
    rw_begin(&half, va, result);
    if (!rw_answer_early(regs, &half, result)) {
        node = rw_root(&half);
        while (rw_step(&context, &half, &node, &node, result)) {
            /* each step goes one level down, and level 3 never goes on */
        }
    }
    return (enum rig_walk_status)result->status;
}
