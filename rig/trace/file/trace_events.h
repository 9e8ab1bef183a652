/*
 * The event trace: what executed, in the order of execution, as far as ordering rules need it.
 *
 * A trace of kind TRACE_EVENTS is made of event chunks; each event has a number, counted from 0
 * through all event chunks in the file's order. Events may refer to chunks of other kinds, which
 * always stand before the event that names them. Time is counted in events: what happened at time T
 * came behind event T - 1 and before event T.
 *
 * A virtual CPU is "in a window" from an instruction on that begins a hazard (a write to a
 * translation control, VBAR or a floating-point trap, a TLBI, a store into a live translation
 * table) until the barriers that end every hazard have executed. Some events are recorded in
 * windows only.
 *
 * docs/architecture/event-trace.md tells the format in words.
 */
#ifndef RIG_TRACE_EVENTS_H
#define RIG_TRACE_EVENTS_H

#include <stdint.h>

#include "trace_format.h"

enum trace_event_flags_of_header {
    TRACE_STORES = 8,         /* accesses to memory were watched (the plugin's stores=on) */
    TRACE_EVERY = 16,         /* every=on: also outside of windows what is else only in them */
    TRACE_OPERANDS = 32,      /* values of registers were known to the plugin */
    TRACE_OPERANDS_LOST = 64, /* ... until the run left the one they were taken from */
    TRACE_RAM_UNKNOWN = 128,  /* RAM was not found: no table was read, no store watched */
    TRACE_TABLES_CUT = 256,   /* more translation tables than the plugin follows */
};

enum trace_events_tag {
    TRACE_EVENT_LIST = 0x54564530, /* struct trace_event_list */
    TRACE_CODE = 0x45444f43,       /* struct trace_code */
    TRACE_FRAME = 0x454d5246,      /* struct trace_frame */
    TRACE_WRITER = 0x52545257,     /* struct trace_writer_note */
};

enum trace_event_kind {
    /* An instruction that changes or orders state is about to execute (a64_system.h says which).
     * value: general register Xt of MSR (register), TLBI, DC, IC, AT and DC ZVA, with
     * TRACE_EVENT_VALUE. va, pa: 0. Without every=on an ISB is left out when the event before it
     * is an ISB of the same CPU. TRACE_EVENT_PENDING: a WFI behind a store that no DSB followed
     * (needs stores=on); a DAIFSet of I behind the DAIFClr of I at va, with nothing but NOPs,
     * DSBs and DMBs between. */
    TRACE_EVENT_INSN = 1,
    /* A store changed a watched page: one that holds a live translation table (TRACE_EVENT_TABLE)
     * or code that was translated before (TRACE_EVENT_CODE). One event for each aligned 8-byte word
     * touched: va, pa of the word; value: the word afterwards, with TRACE_EVENT_VALUE; opcode:
     * bytes of the access. TRACE_EVENT_ZVA: by DC ZVA. */
    TRACE_EVENT_STORE = 2,
    /* In a window: a load or, with TRACE_EVENT_WRITE, a store was done at va, pa (or
     * TRACE_UNKNOWN_ADDRESS); opcode: bytes. A store to a watched page is a TRACE_EVENT_STORE for
     * each word and no access. */
    TRACE_EVENT_ACCESS = 3,
    /* In a window: a block of code begins at pc == va; value: file offset of its trace_code. A
     * window opens behind an instruction; what is left of that instruction's own block has no block
     * event, but an MSR or TLBI that opens one ends its block in QEMU. */
    TRACE_EVENT_BLOCK = 4,
    /* A block is about to execute for the first time out of memory that the guest wrote: as BLOCK,
     * and its trace_code has `written`. In no window needed. */
    TRACE_EVENT_TRANSLATE = 5,
    /* A translation table became reachable from a TTBR (whether the MMU is on or not), or is told
     * again because it was written while it was not: value: file offset of its trace_frame; pa: its
     * address; pc: of the instruction that made it reachable (an MSR, or a store to a table).
     * Stands behind the event of that instruction. */
    TRACE_EVENT_FRAME = 6,
    /* The table at pa is no longer followed: it is reachable from no TTBR. */
    TRACE_EVENT_FRAME_GONE = 7,
    /* An exception was taken: pc == va is the first instruction of the vector, value: VBAR as it
     * stood, el: of the handler, opcode: offset in the vector table (0x000 to 0x780). */
    TRACE_EVENT_ENTRY = 8,
    /* The window was longer than the plugin records: the rest of it is missing. */
    TRACE_EVENT_CUT = 9,
    /* The first read (per line of 64 bytes, since it was written) with caches on of memory that was
     * written with caches off: pc, va, pa of the read; value: file offset of a trace_writer_note.
     */
    TRACE_EVENT_OFF_READ = 10,
    TRACE_EVENT_KINDS
};

enum trace_event_flag {
    TRACE_EVENT_VALUE = 1,
    TRACE_EVENT_TABLE = 2,
    TRACE_EVENT_CODE = 4,
    TRACE_EVENT_WRITE = 8,
    TRACE_EVENT_ZVA = 16,
    TRACE_EVENT_CACHES_OFF = 32, /* STORE: SCTLR_ELx.C or M was 0 */
    TRACE_EVENT_PENDING = 64,    /* INSN: what comes before it may not have had its effect */
};

#define TRACE_EL_UNKNOWN 0xff

struct trace_event {
    uint8_t kind; /* enum trace_event_kind */
    uint8_t cpu;
    uint8_t el;    /* 0 to 3, or TRACE_EL_UNKNOWN */
    uint8_t flags; /* enum trace_event_flag */
    uint32_t opcode;
    uint64_t pc;
    uint64_t pc_pa; /* of pc, or TRACE_UNKNOWN_ADDRESS */
    uint64_t va;
    uint64_t pa;
    uint64_t value;
};

_Static_assert(sizeof(struct trace_event) == 48, "trace_event is laid out without holes");

struct trace_event_list {
    struct trace_chunk chunk;
    uint32_t count; /* events that are complete; the rest of the chunk is zero */
    uint32_t room;
    /* struct trace_event events[room]; */
};

_Static_assert(sizeof(struct trace_event_list) == 16, "trace_event_list has no holes");

/* Who wrote some memory last; what the emulator loaded is nobody's. */
struct trace_written {
    uint64_t time;
    uint64_t pc;
    uint64_t va;
    uint64_t pa;
    uint8_t cpu;
    uint8_t flags; /* enum trace_event_flag: VALUE: somebody did; CACHES_OFF; ZVA */
    uint8_t reserved[6];
};

_Static_assert(sizeof(struct trace_written) == 40, "trace_written is laid out without holes");

/* A translated block; the same block (addresses, opcodes, writer) is there once. */
struct trace_code {
    struct trace_chunk chunk;
    uint64_t vaddr;
    uint64_t paddr; /* or TRACE_UNKNOWN_ADDRESS */
    uint32_t insns;
    uint32_t reserved;
    struct trace_written written; /* the last store to any of its lines */
    /* uint32_t opcodes[insns]; zero bytes up to chunk.size */
};

_Static_assert(sizeof(struct trace_code) == 72, "trace_code is laid out without holes");

/* A translation table as it stood when it became reachable. */
struct trace_frame {
    struct trace_chunk chunk;
    uint64_t pa;
    uint32_t size; /* bytes, a multiple of 8 */
    uint8_t level; /* 0 to 3 */
    uint8_t upper; /* 1: reached from TTBR1_EL1 */
    uint8_t reserved[2];
    struct trace_written written;     /* the last store to it of all */
    struct trace_written written_off; /* the last store to it with caches off */
    /* uint64_t words[size / 8]; */
};

_Static_assert(sizeof(struct trace_frame) == 104, "trace_frame is laid out without holes");

struct trace_writer_note {
    struct trace_chunk chunk;
    struct trace_written written;
};

#endif
