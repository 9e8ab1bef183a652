#include "table_watch.h"

#include <stdlib.h>
#include <string.h>

#include "a64_system.h"
#include "internal.h"
#include "table_frames.h"

enum {
    ROOTS = 64,
    HALVES = 2,
    ASID_SHIFT = 48,
    /* Stores to a root that no TTBR names: with more it is taken for memory that has become
     * something else, though no TLBI of its own said so. */
    STORES_UNUSED = 512,
};

struct root {
    uint64_t used; /* when a TTBR named it last */
    struct frame_place place;
    uint32_t stores; /* to it since then, while none did */
    uint16_t asid;   /* what it was walked under last */
    bool attached;
};

/* The instruction that events are told of. */
struct culprit {
    unsigned int vcpu;
    uint64_t pc, pc_pa;
};

static struct table_frames frames;
static struct root roots[ROOTS];
static uint64_t uses;
static struct culprit culprit;
/* The roots of each CPU's two halves, one behind the other; size 0: none. */
static struct frame_place *current;

static bool same_place(const struct frame_place *a, const struct frame_place *b)
{
    return a->pa == b->pa && a->size == b->size && a->level == b->level && a->upper == b->upper &&
           a->granule_bits == b->granule_bits;
}

/* The frame's chunk is still true: it was told, and nothing of it was written since. */
static bool told_already(const struct table_frame *frame, const struct trace_frame *now)
{
    const struct trace_frame *told = frame->told;
    return told != NULL && told->size == now->size && told->level == now->level &&
           told->upper == now->upper && told->written.time == now->written.time &&
           told->written.flags == now->written.flags &&
           memcmp(told + 1, frame->words, now->size) == 0;
}

static bool tell(struct table_frame *frame)
{
    const struct frame_place *place = &frame->place;
    struct trace_frame head = {
        .pa = place->pa,
        .size = place->size,
        .level = place->level,
        .upper = place->upper,
        .written = last_writer_newest(&recorder.writers, place->pa, place->size, false),
        .written_off = last_writer_newest(&recorder.writers, place->pa, place->size, true),
    };
    if (told_already(frame, &head)) {
        return true;
    }
    struct trace_frame *chunk =
        event_log_chunk(&recorder.log, TRACE_FRAME, sizeof head + place->size, &frame->chunk);
    if (chunk == NULL) {
        return false;
    }
    head.chunk = chunk->chunk;
    *chunk = head;
    memcpy(chunk + 1, frame->words, place->size);
    trace_writer_commit(recorder.log.writer);
    frame->told = chunk;
    return true;
}

static void log_frame(enum trace_event_kind kind, const struct table_frame *frame, uint64_t value)
{
    struct trace_event event = recorder_event(culprit.vcpu, kind, culprit.pc, culprit.pc_pa);
    event.pa = frame->place.pa;
    event.value = value;
    event_log_add(&recorder.log, &event);
}

static void on_came(struct table_frame *frame)
{
    last_writer_watch_table(&recorder.writers, frame->place.pa, frame->place.size, true);
    if (tell(frame)) {
        log_frame(TRACE_EVENT_FRAME, frame, frame->chunk);
    }
}

static void on_gone(struct table_frame *frame)
{
    last_writer_watch_table(&recorder.writers, frame->place.pa, frame->place.size, false);
    log_frame(TRACE_EVENT_FRAME_GONE, frame, 0);
}

static bool in_use(const struct frame_place *place)
{
    for (unsigned int i = 0; i < recorder.plugin.cpus * HALVES; i++) {
        if (current[i].size != 0 && same_place(&current[i], place)) {
            return true;
        }
    }
    return false;
}

static void detach(struct root *root)
{
    if (root->attached) {
        root->attached = false;
        frames_drop(&frames, &root->place);
    }
}

/* A root that no TTBR names and that is read in another way now would tell nonsense. */
static void detach_others(const struct frame_place *place)
{
    for (unsigned int i = 0; i < ROOTS; i++) {
        struct root *root = &roots[i];
        if (root->attached && root->place.pa == place->pa && !same_place(&root->place, place) &&
            !in_use(&root->place)) {
            detach(root);
        }
    }
}

/* A place for one more: a free one, or that of the root unused for longest. */
static struct root *room_for_root(void)
{
    struct root *oldest = NULL;
    for (unsigned int i = 0; i < ROOTS; i++) {
        struct root *root = &roots[i];
        if (!root->attached) {
            return root;
        }
        if (!in_use(&root->place) && (oldest == NULL || root->used < oldest->used)) {
            oldest = root;
        }
    }
    if (oldest != NULL) {
        detach(oldest);
    }
    return oldest;
}

static void attach(const struct frame_place *place, uint16_t asid)
{
    for (unsigned int i = 0; i < ROOTS; i++) {
        if (roots[i].attached && same_place(&roots[i].place, place)) {
            roots[i].asid = asid;
            roots[i].used = ++uses;
            roots[i].stores = 0;
            return;
        }
    }
    struct root *root = room_for_root();
    if (root == NULL) {
        frames.cut = true;
        return;
    }
    *root = (struct root){.place = *place, .attached = true, .asid = asid, .used = ++uses};
    frames_add(&frames, place);
}

/* Where walks of that half begin; size 0 when that is not known, or nowhere, as with TCR_EL1.EPDn.
 */
static struct frame_place root_of(const struct system_state *state, bool upper)
{
    struct rig_walk_regs regs;
    struct rw_half half;
    uint64_t disabled = upper ? TCR_EL1_EPD1_BIT : TCR_EL1_EPD0_BIT;
    if ((state->value[STATE_TCR_EL1] & disabled) != 0 ||
        !state_knows(state, upper ? STATE_TTBR1_EL1 : STATE_TTBR0_EL1) ||
        !state_walk_regs(state, &regs)) {
        return (struct frame_place){0};
    }
    rw_half_setup(&regs, upper, &half);
    if (half.problem != RIG_WALK_OK) {
        return (struct frame_place){0};
    }
    return (struct frame_place){
        .pa = half.root_pa,
        .size = (uint32_t)half.root_size,
        .level = half.start_level,
        .upper = upper,
        .granule_bits = half.granule_bits,
    };
}

/* Of the TTBR that TCR_EL1.A1 names. */
static uint16_t current_asid(const struct system_state *state)
{
    bool upper = (state->value[STATE_TCR_EL1] & TCR_EL1_A1_BIT) != 0;
    return (uint16_t)(state->value[upper ? STATE_TTBR1_EL1 : STATE_TTBR0_EL1] >> ASID_SHIFT);
}

static void flag_limits(void)
{
    if (frames.cut) {
        trace_writer_flag(recorder.plugin.writer, (enum trace_flags)TRACE_TABLES_CUT);
    }
}

void table_watch_registers(unsigned int vcpu, uint64_t pc, uint64_t pc_pa)
{
    struct system_state *state = &recorder.cpus[vcpu].state;
    culprit = (struct culprit){.vcpu = vcpu, .pc = pc, .pc_pa = pc_pa};
    for (unsigned int upper = 0; upper < HALVES; upper++) {
        struct frame_place *now = &current[vcpu * HALVES + upper];
        struct frame_place place = root_of(state, upper != 0);
        if (same_place(now, &place)) {
            continue;
        }
        *now = place;
        if (place.size == 0) {
            continue;
        }
        guest_ram_find(&recorder.ram);
        if (!guest_ram_known(&recorder.ram)) {
            trace_writer_flag(recorder.plugin.writer, (enum trace_flags)TRACE_RAM_UNKNOWN);
        }
        attach(&place, current_asid(state));
        detach_others(&place);
    }
    flag_limits();
}

/* Entries of a space whose root no TTBR names are all that keeps it alive. */
void table_watch_tlbi(unsigned int vcpu, const struct event_site *site, bool known, uint64_t value)
{
    struct a64_tlbi tlbi = a64_tlbi(site->opcode);
    bool all = tlbi.scope == A64_TLBI_ALL;
    bool everywhere = recorder.plugin.cpus == 1 || tlbi.domain != A64_NSH;
    if (tlbi.el != 1 || !everywhere || !(all || (tlbi.scope == A64_TLBI_ASID && known))) {
        return;
    }
    culprit = (struct culprit){.vcpu = vcpu, .pc = site->pc, .pc_pa = site->pc_pa};
    for (unsigned int i = 0; i < ROOTS; i++) {
        struct root *root = &roots[i];
        if (root->attached && (all || root->asid == value >> ASID_SHIFT) && !in_use(&root->place)) {
            detach(root);
        }
    }
}

/* A store to the frame: is it the root of an address space that is no more? */
static void retire(const struct table_frame *frame)
{
    for (unsigned int i = 0; i < ROOTS; i++) {
        struct root *root = &roots[i];
        if (root->attached && root->place.pa == frame->place.pa && !in_use(&root->place) &&
            ++root->stores > STORES_UNUSED) {
            detach(root);
        }
    }
}

bool table_watch_holds(uint64_t word_pa)
{
    return frames_find(&frames, word_pa) != NULL;
}

bool table_watch_store(unsigned int vcpu, uint64_t pc, uint64_t pc_pa, uint64_t word_pa,
                       uint64_t value)
{
    struct table_frame *frame = frames_find(&frames, word_pa);
    if (frame == NULL) {
        return false;
    }
    culprit = (struct culprit){.vcpu = vcpu, .pc = pc, .pc_pa = pc_pa};
    uint64_t before = frames_store(&frames, frame, word_pa, value);
    retire(frame);
    flag_limits();
    return before != value && ((before | value) & DESC_VALID_BIT) != 0;
}

bool table_watch_start(void)
{
    current = calloc((size_t)recorder.plugin.cpus * HALVES, sizeof *current);
    frames.hooks = (struct frames_hooks){
        .read = guest_ram_read,
        .memory = &recorder.ram,
        .came = on_came,
        .gone = on_gone,
    };
    return current != NULL;
}
