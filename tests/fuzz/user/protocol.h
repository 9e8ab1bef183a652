/*
 * What the fuzz run's programs and its kernel side agree on: random numbers, messages that prove
 * themselves, and how a life of a fuzzer begins and ends.
 */
#ifndef FUZZ_PROTOCOL_H
#define FUZZ_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Where QEMU's loader device puts the run's parameters: below the image, which the kernel never
 * gives out. Zero (nothing was loaded) means the default.
 */
#define FUZZ_SEED_PA       0x40070000U
#define FUZZ_CALLS_PA      0x40070008U
#define FUZZ_DEFAULT_SEED  1U
#define FUZZ_DEFAULT_CALLS 1000000U

/* Handles of a fuzzer and of a victim, by the order of the grants. */
#define FUZZ_HANDLE_HOME  1U /* fuzzer: an endpoint of its own, SEND and RECV, never to be sent */
#define FUZZ_HANDLE_IN    1U /* victim: RECV */
#define FUZZ_HANDLE_OUT   2U /* victim: SEND, the other's IN */
#define FUZZ_HANDLE_TOKEN 3U /* first victim: SEND and TRANSFER, where it reports */

/*
 * Messages through home; three words each:
 * START      seed; calls of this life; way to end it
 * REPORT     calls | bytes written << 16; what was seen; way it ends | other syscalls << 8
 * VIOLATION  what << 56 | register << 48 | syscall's number << 16 | call; what was; what is
 * A victim's report has the rounds so far.
 */
#define FUZZ_LABEL_START     0x53544152U
#define FUZZ_LABEL_REPORT    0x5245504FU
#define FUZZ_LABEL_VIOLATION 0x56494F4CU
#define FUZZ_LIFE_CALLS_MAX  0xFFFFU

/* What a fuzzer has seen, as bits: a run in which something never happens proves little. */
enum fuzz_seen {
    FUZZ_SEEN_SEND_DELIVERED,
    FUZZ_SEEN_SEND_ENQUEUED,
    FUZZ_SEEN_SEND_WITH_CAP,
    FUZZ_SEEN_SEND_STALE,
    FUZZ_SEEN_SEND_WRONG_KIND,
    FUZZ_SEEN_SEND_MISSING_RIGHT,
    FUZZ_SEEN_SEND_QUEUE_FULL,
    FUZZ_SEEN_SEND_INVALID_TRANSFER,
    FUZZ_SEEN_SEND_TABLE_FULL,
    FUZZ_SEEN_RECV_FROM_OTHERS,
    FUZZ_SEEN_RECV_WITH_CAP,
    FUZZ_SEEN_RECV_CAP_REVOKED,
    FUZZ_SEEN_RECV_STALE,
    FUZZ_SEEN_RECV_WRONG_KIND,
    FUZZ_SEEN_RECV_MISSING_RIGHT,
    FUZZ_SEEN_RECV_QUEUE_FULL,
    FUZZ_SEEN_RECV_TABLE_FULL,
    FUZZ_SEEN_YIELD,
    FUZZ_SEEN_BAD_NUMBER,
    FUZZ_SEEN_WRITE, /* this and the following: debug builds only */
    FUZZ_SEEN_WRITE_ACROSS_PAGES,
    FUZZ_SEEN_WRITE_OTHER_CONSOLE,
    FUZZ_SEEN_WRITE_FAULT,
    FUZZ_SEEN_WRITE_INVALID,
    FUZZ_SEEN_WRITE_WRONG_KIND,
    FUZZ_SEEN_WRITE_NO_RIGHT,
    FUZZ_SEEN_COUNT,
};

/* How a life ends, after its report: by task_exit, or by what no program may do. */
enum fuzz_end {
    FUZZ_END_EXIT,
    FUZZ_END_SVC_IMMEDIATE,
    FUZZ_END_UNDEFINED,
    FUZZ_END_READ_KERNEL,
    FUZZ_END_WRITE_KERNEL,
    FUZZ_END_CALL_KERNEL,
    FUZZ_END_WRITE_CODE,
    FUZZ_END_RUN_DATA,
    FUZZ_END_TOUCH_GUARD,
    FUZZ_END_SYSTEM_REGISTER,
    FUZZ_END_CALL_EL2,
    FUZZ_END_FLOATING_POINT,
    FUZZ_END_COUNT,
};

/* The kernel address that the ends name: the first byte of its image. */
#define FUZZ_KERNEL_VA 0xFFFFFFFF40080000U

/* At the lowest address of a fuzzer's stack page, for the kernel side to read. */
struct fuzz_progress {
    uint64_t calls;   /* made in this life, the one under way included */
    uint64_t written; /* bytes that console_write said it wrote */
    uint64_t seen;    /* enum fuzz_seen */
    uint64_t others;  /* syscalls that are not counted as calls: for the start and the end */
};

/* splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014). */
static inline uint64_t fuzz_mix(uint64_t value)
{
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9U;
    value = (value ^ value >> 27) * 0x94D049BB133111EBU;
    return value ^ value >> 31;
}

struct fuzz_random {
    uint64_t state;
};

static inline uint64_t fuzz_next(struct fuzz_random *random)
{
    random->state += 0x9E3779B97F4A7C15U;
    return fuzz_mix(random->state);
}

/* Evenly below `bound` (1 to 2^32). */
static inline uint64_t fuzz_below(struct fuzz_random *random, uint64_t bound)
{
    return (fuzz_next(random) >> 32) * bound >> 32;
}

/* True once in `times`. */
static inline bool fuzz_once_in(struct fuzz_random *random, uint64_t times)
{
    return fuzz_below(random, times) == 0;
}

/*
 * Messages of fuzzers and kernel side: the label is 31 bits and a check of them, the words follow
 * from the label. None looks like a kernel address, and nothing else looks like one of them. Of the
 * bits, some say what the capability that rides along is, as far as the sender knows (kind 0: not).
 */
static inline uint64_t fuzz_label(uint64_t random, unsigned kind, unsigned rights)
{
    uint64_t bits = (random & 0x7FFFFU) << 12 | (kind & 0xFU) << 8 | (rights & 0xFFU);

    return bits << 32 | (uint32_t)fuzz_mix(bits + 0x7479726E65U);
}

static inline unsigned fuzz_label_kind(uint64_t label)
{
    return label >> 40 & 0xFU;
}

static inline unsigned fuzz_label_rights(uint64_t label)
{
    return label >> 32 & 0xFFU;
}

static inline uint64_t fuzz_word(uint64_t label, unsigned index)
{
    return fuzz_mix(label + index + 1U) >> 1;
}

static inline bool fuzz_message_holds(uint64_t label, const uint64_t words[3])
{
    return label == fuzz_label(label >> 44, fuzz_label_kind(label), fuzz_label_rights(label)) &&
           words[0] == fuzz_word(label, 0) && words[1] == fuzz_word(label, 1) &&
           words[2] == fuzz_word(label, 2);
}

#endif
