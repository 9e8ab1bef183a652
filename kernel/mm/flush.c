/* Spending flush tokens: what the TLB must forget, then the tables that it might have walked. */
#include <tyrne/address_space.h>

#include <tyrne/panic.h>

static void give_back(struct pmm *pmm, const paddr_t *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        KASSERT(pmm_free(pmm, frames[i]) == STATUS_OK);
    }
}

/* A token, or a batch's, is spent: with the last of them, nothing is stale any more. */
static void spent(struct address_space_arena *arena)
{
    arena->unspent--;
    if (arena->unspent == 0) {
        arena->stale = false;
    }
}

void flush_va(struct flush_token *token)
{
    KASSERT(token->arena != NULL);
    if (token->need == FLUSH_INVALIDATE) {
        hal_mmu_flush_va(token->va);
    } else if (token->need == FLUSH_PUBLISH) {
        hal_mmu_publish();
    }
    give_back(token->arena->pmm, token->frames, token->frame_count);
    spent(token->arena);
    token->arena = NULL;
}

void flush_batch_init(struct flush_batch *batch, struct address_space_arena *arena)
{
    *batch = (struct flush_batch){.arena = arena};
}

void flush_ignore(struct flush_token *token, struct flush_batch *batch)
{
    KASSERT(token->arena != NULL && token->arena == batch->arena);
    if (batch->frame_count + token->frame_count > FLUSH_BATCH_FRAMES) {
        flush_all(batch);
    }
    for (unsigned i = 0; i < token->frame_count; i++) {
        batch->frames[batch->frame_count] = token->frames[i];
        batch->frame_count++;
    }
    if (token->need > batch->need) {
        batch->need = token->need;
    }
    /* The token's duty is the batch's now; a dirty batch counts as one unspent token. */
    token->arena->unspent -= batch->dirty;
    batch->dirty = true;
    token->arena = NULL;
}

void flush_all(struct flush_batch *batch)
{
    if (!batch->dirty) {
        return;
    }
    if (batch->need == FLUSH_INVALIDATE) {
        hal_mmu_flush_all();
    } else if (batch->need == FLUSH_PUBLISH) {
        hal_mmu_publish();
    }
    give_back(batch->arena->pmm, batch->frames, batch->frame_count);
    spent(batch->arena);
    flush_batch_init(batch, batch->arena);
}
