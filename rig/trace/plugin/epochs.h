/*
 * Epochs: what was counted before each write to SCTLR_ELx, to tell the MMU's states apart.
 */
#ifndef RIG_PLUGIN_EPOCHS_H
#define RIG_PLUGIN_EPOCHS_H

#include "blocks.h"
#include "plugin_base.h"

/* So many epoch chunks at most, in at most half of the file. */
enum { EPOCHS_MAX = 64 };

struct epochs {
    struct trace_writer *writer;
    uint64_t room; /* bytes they may still take */
    unsigned int count;
    bool cut; /* one was left out */
};

void epochs_start(struct epochs *epochs, const struct plugin *plugin);

/*
 * The MSR `opcode` at `vaddr` is about to execute. `after` is the state it brings, where known.
 * When there is no room left TRACE_EPOCHS_CUT is set, once with a message, and counting goes on in
 * the last epoch.
 */
void epochs_add(struct epochs *epochs, const struct blocks *blocks, uint64_t vaddr, uint32_t opcode,
                enum trace_mmu after);

#endif
