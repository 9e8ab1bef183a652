/*
 * Blocks of code as they begin: exception vectors, code out of memory that the guest wrote, and in
 * windows each one.
 */
#include "recorder.h"

enum { SEEN_LAST = 63 };

static void log_block(unsigned int vcpu, struct code_block *block, enum trace_event_kind kind)
{
    struct trace_event event = recorder_event(vcpu, kind, block->vaddr, block->paddr);
    if (kind != TRACE_EVENT_CUT) {
        if (!code_block_chunk(block, &recorder.log, &event.value)) {
            return;
        }
        event.va = event.pc;
        event.pa = block->paddr;
    }
    event_log_add(&recorder.log, &event);
}

/* Did an exception lead here, and not the block before? */
static void enter_vector(unsigned int vcpu, const struct code_block *block)
{
    struct recorder_cpu *cpu = &recorder.cpus[vcpu];
    struct state_entry entry;
    if (cpu->state.vectors_known && (!recorder.stores || cpu->block_end != block->vaddr) &&
        state_is_entry(&cpu->state, recorder_at(vcpu, block->vaddr), &entry)) {
        insns_entry(vcpu, &entry, block->paddr);
    }
}

static void on_slow_block(unsigned int vcpu, struct code_block *block)
{
    struct event_window *window = &recorder.cpus[vcpu].window;
    uint64_t bit = UINT64_C(1) << (vcpu < SEEN_LAST ? vcpu : SEEN_LAST);
    pthread_mutex_lock(&recorder.lock);
    if (recorder.log.full) {
        pthread_mutex_unlock(&recorder.lock);
        return;
    }
    uint8_t el = recorder_look(vcpu, block->vaddr);
    if (block->vector) {
        enter_vector(vcpu, block); /* judges by the level before */
    }
    if (el != TRACE_EL_UNKNOWN) {
        state_set_el(&recorder.cpus[vcpu].state, el);
    }
    if (block->written && (block->seen & bit) == 0) {
        block->seen |= bit;
        log_block(vcpu, block, TRACE_EVENT_TRANSLATE);
    }
    if (recorder.stores && window_records(window)) {
        log_block(vcpu, block, window_count(window) ? TRACE_EVENT_BLOCK : TRACE_EVENT_CUT);
    }
    pthread_mutex_unlock(&recorder.lock);
}

static void on_block(unsigned int vcpu, void *data)
{
    struct code_block *block = data;
    struct recorder_cpu *cpu = &recorder.cpus[vcpu];
    if (__builtin_expect(block->vector || block->written || cpu->window.needs != 0, 0)) {
        bool fresh =
            block->written && (block->seen >> (vcpu < SEEN_LAST ? vcpu : SEEN_LAST) & 1) == 0;
        if (fresh || cpu->window.needs != 0 || (block->vector && cpu->state.vectors_known)) {
            on_slow_block(vcpu, block);
        }
    }
    cpu->block_end = block->end;
}

void blocks_watch(struct qemu_plugin_tb *tb, const struct code_shape *shape)
{
    struct code_block *block = code_blocks_get(&recorder.blocks, shape);
    if (block == NULL) {
        trace_writer_flag(recorder.plugin.writer, TRACE_FULL);
        return;
    }
    if (recorder.stores || block->vector) {
        qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, RECORDER_READS, block);
    }
}
