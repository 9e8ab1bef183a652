#include "counts.h"

#include <stdlib.h>

#include "memory.h"

#define NO_WORD SIZE_MAX

/* What is worked on of one block. */
struct folding {
    struct counts *counts;
    const struct image *image;
    const struct trace *trace;
    const struct count_rules *rules;
    size_t *words; /* of each instruction of the block: its word, or NO_WORD */
    size_t room;
};

void counts_init(struct counts *counts, const struct image *image)
{
    *counts = (struct counts){0};
    for (size_t i = 0; i < COUNT_STATES; i++) {
        counts->ran[i] = memory_get(image->words, sizeof(uint64_t));
    }
    for (size_t i = 0; i < COUNT_EDGES; i++) {
        counts->edges[i] = memory_get(image->words, sizeof(uint64_t));
    }
}

void counts_free(struct counts *counts)
{
    for (size_t i = 0; i < COUNT_STATES; i++) {
        free(counts->ran[i]);
    }
    for (size_t i = 0; i < COUNT_EDGES; i++) {
        free(counts->edges[i]);
    }
    free(counts->outside.items);
    free(counts->differs.items);
    *counts = (struct counts){0};
}

enum trace_mmu counts_mmu(const struct trace *trace, const struct count_rules *rules, size_t epoch)
{
    if (epoch == 0) {
        return TRACE_MMU_OFF;
    }
    if (epoch == trace->epoch_count && (trace->flags & TRACE_EPOCHS_CUT) != 0) {
        return TRACE_MMU_UNKNOWN; /* the last epoch mixes states */
    }
    enum trace_mmu after = trace->epochs[epoch - 1].after;
    if (after == TRACE_MMU_UNKNOWN && epoch <= rules->mmu_count) {
        after = rules->mmu[epoch - 1];
    }
    return after;
}

static void add_stray(struct strays *strays, uint64_t address, uint64_t count, uint32_t opcode)
{
    strays->items =
        memory_grow(strays->items, strays->count, &strays->capacity, sizeof(strays->items[0]));
    strays->items[strays->count++] =
        (struct stray){.address = address, .count = count, .opcode = opcode};
}

/* The word that an address of the run stands for. */
static size_t word_at(const struct folding *folding, uint64_t address)
{
    size_t word;
    if (image_word(folding->image, address, &word)) {
        return word;
    }
    for (size_t i = 0; i < folding->rules->alias_count; i++) {
        const struct alias *alias = &folding->rules->aliases[i];
        if (address - alias->start < alias->size &&
            image_word(folding->image, address + alias->by, &word)) {
            return word;
        }
    }
    return NO_WORD;
}

/* Find the block's words; whether its code is the image's (as far as it lies in it). */
static bool find_words(struct folding *folding, const struct trace_block_view *block)
{
    if (block->insns > folding->room) {
        free(folding->words);
        folding->room = block->insns;
        folding->words = memory_get(folding->room, sizeof(folding->words[0]));
    }
    uint32_t inside = 0;
    uint32_t same = 0;
    for (uint32_t i = 0; i < block->insns; i++) {
        size_t word = word_at(folding, block->vaddr + 4ULL * i);
        folding->words[i] = word;
        if (word != NO_WORD) {
            inside++;
            same += image_opcode(folding->image, word) == trace_opcode(block, i);
        }
    }
    return 2 * (uint64_t)same >= inside;
}

/* What a segment's counter grew by in all epochs. */
static uint64_t total(const struct folding *folding, size_t index, uint32_t slot)
{
    uint64_t sum = 0;
    for (size_t epoch = 0; epoch <= folding->trace->epoch_count; epoch++) {
        sum += trace_growth(folding->trace, index, epoch, slot);
    }
    return sum;
}

/* Note an instruction that is not the image's; false when it is. */
static bool note_stray(struct folding *folding, const struct trace_block_view *block, uint32_t insn,
                       bool own, uint64_t count)
{
    size_t word = folding->words[insn];
    uint32_t opcode = trace_opcode(block, insn);
    if (word == NO_WORD) {
        if (count > 0) {
            add_stray(&folding->counts->outside, block->vaddr + 4ULL * insn, count, opcode);
        }
        return true;
    }
    if (own && image_opcode(folding->image, word) == opcode) {
        return false;
    }
    if (count > 0) {
        add_stray(&folding->counts->differs, image_address(folding->image, word), count, opcode);
    }
    return true;
}

static void add_segment(struct folding *folding, size_t index, uint32_t segment, bool own)
{
    const struct trace *trace = folding->trace;
    const struct trace_block_view *block = &trace->blocks[index];
    uint32_t first = trace_segment_start(block, segment);
    uint32_t end =
        segment + 1 < block->segments ? trace_segment_start(block, segment + 1) : block->insns;
    bool translated = block->paddr != TRACE_UNKNOWN_ADDRESS && block->paddr != block->vaddr;
    uint32_t slot = TRACE_SLOT_COUNTS + segment;
    uint64_t by_state[COUNT_STATES] = {0};
    for (size_t epoch = 0; epoch <= trace->epoch_count; epoch++) {
        enum trace_mmu mmu = translated ? TRACE_MMU_ON : counts_mmu(trace, folding->rules, epoch);
        by_state[mmu] += trace_growth(trace, index, epoch, slot);
    }
    uint64_t count = by_state[0] + by_state[1] + by_state[2];
    for (uint32_t insn = first; insn < end; insn++) {
        if (note_stray(folding, block, insn, own, count)) {
            continue;
        }
        for (size_t state = 0; state < COUNT_STATES; state++) {
            folding->counts->ran[state][folding->words[insn]] += by_state[state];
        }
    }
}

static void add_edges(struct folding *folding, size_t index, bool own)
{
    const struct trace_block_view *block = &folding->trace->blocks[index];
    size_t word = folding->words[block->insns - 1];
    if (word == NO_WORD || !own ||
        image_opcode(folding->image, word) != trace_opcode(block, block->insns - 1)) {
        return;
    }
    for (uint32_t slot = 0; slot < COUNT_EDGES; slot++) {
        folding->counts->edges[slot][word] += total(folding, index, slot);
    }
}

void counts_add(struct counts *counts, const struct image *image, const struct trace *trace,
                const struct count_rules *rules)
{
    struct folding folding = {.counts = counts, .image = image, .trace = trace, .rules = rules};
    folding.room = 64; /* of most blocks; find_words gets more */
    folding.words = memory_get(folding.room, sizeof(folding.words[0]));
    for (size_t i = 0; i < trace->block_count; i++) {
        const struct trace_block_view *block = &trace->blocks[i];
        bool own = find_words(&folding, block);
        for (uint32_t segment = 0; segment < block->segments; segment++) {
            add_segment(&folding, i, segment, own);
        }
        add_edges(&folding, i, own);
    }
    free(folding.words);
}

static int by_address(const void *left, const void *right)
{
    const struct stray *a = left;
    const struct stray *b = right;
    if (a->address != b->address) {
        return a->address < b->address ? -1 : 1;
    }
    return (a->opcode > b->opcode) - (a->opcode < b->opcode);
}

static void finish_strays(struct strays *strays)
{
    size_t kept = 0;
    if (strays->count > 0) {
        qsort(strays->items, strays->count, sizeof(strays->items[0]), by_address);
    }
    for (size_t i = 0; i < strays->count; i++) {
        const struct stray *item = &strays->items[i];
        struct stray *last = kept == 0 ? NULL : &strays->items[kept - 1];
        if (last != NULL && last->address == item->address && last->opcode == item->opcode) {
            last->count += item->count;
        } else {
            strays->items[kept++] = *item;
        }
    }
    strays->count = kept;
}

void counts_finish(struct counts *counts)
{
    finish_strays(&counts->outside);
    finish_strays(&counts->differs);
}

uint64_t counts_ran(const struct counts *counts, size_t word)
{
    return counts->ran[0][word] + counts->ran[1][word] + counts->ran[2][word];
}
