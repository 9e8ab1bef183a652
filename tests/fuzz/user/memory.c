/* The program's own memory, as the kernel must see it, and addresses in and around it. */
#include "fuzz.h"

#include <tyrne/abi/syscall.h>

#define PAGE            4096U
#define LETTER_PAGES    3U
#define KINDS_OF_LENGTH 10U

extern const char __code_size[], __bss_end_offset[]; /* program.ld.S; their addresses are sizes */

/* Writable letters on pages of their own. */
static char letters[LETTER_PAGES * PAGE] __attribute__((aligned(PAGE)));

static char letter_of(uint64_t va)
{
    return fuzz_letters[va % 6U];
}

static void fill(uint64_t start, uint64_t end)
{
    for (uint64_t va = start; va < end; va++) {
        *(volatile char *)va = letter_of(va);
    }
}

void memory_init(struct memory *memory, uint64_t stack_end)
{
    memory->code_end = ABI_IMAGE_BASE + (uint64_t)(uintptr_t)__code_size;
    memory->bss_end = ABI_IMAGE_BASE + (uint64_t)(uintptr_t)__bss_end_offset;
    memory->data_end = (memory->bss_end + PAGE - 1U) / PAGE * PAGE;
    memory->stack_end = stack_end;
    memory->stack = stack_end - PAGE;
    fill((uint64_t)(uintptr_t)letters, (uint64_t)(uintptr_t)letters + sizeof(letters));
    fill(memory->bss_end, memory->data_end);
    fill(memory->stack + sizeof(struct fuzz_progress), memory->stack_end);
}

static bool filled(uint64_t start, uint64_t end)
{
    for (uint64_t va = start; va < end; va++) {
        if (*(const volatile char *)va != letter_of(va)) {
            return false;
        }
    }
    return true;
}

bool memory_untouched(const struct memory *memory)
{
    return filled((uint64_t)(uintptr_t)letters, (uint64_t)(uintptr_t)letters + sizeof(letters)) &&
           filled(memory->bss_end, memory->data_end) &&
           filled(memory->stack + sizeof(struct fuzz_progress), memory->stack_end);
}

bool memory_readable(const struct memory *memory, uint64_t start, uint64_t length)
{
    uint64_t end = start + length;

    if (start < ABI_IMAGE_BASE || start > memory->stack_end || length > memory->stack_end - start) {
        return false;
    }
    return length == 0 || end <= memory->data_end || start >= memory->stack;
}

static bool inside(uint64_t start, uint64_t length, uint64_t area, uint64_t area_end)
{
    return start >= area && start <= area_end && length <= area_end - start;
}

bool memory_is_letters(const struct memory *memory, uint64_t start, uint64_t length)
{
    return length == 0 ||
           inside(start, length, (uint64_t)(uintptr_t)letters,
                  (uint64_t)(uintptr_t)letters + sizeof(letters)) ||
           inside(start, length, (uint64_t)(uintptr_t)fuzz_letters,
                  (uint64_t)(uintptr_t)fuzz_letters_end) ||
           inside(start, length, memory->bss_end, memory->data_end) ||
           inside(start, length, memory->stack + sizeof(struct fuzz_progress), memory->stack_end);
}

/* An address where something begins or ends. */
static uint64_t pick_edge(struct fuzzer *fuzzer)
{
    const struct memory *memory = &fuzzer->memory;

    switch (fuzz_below(&fuzzer->random, 20)) {
    case 0:
        return 0;
    case 1:
        return ABI_IMAGE_BASE;
    case 2:
        return memory->code_end;
    case 3:
        return memory->bss_end;
    case 4:
        return memory->data_end;
    case 5:
        return memory->stack;
    case 6:
        return memory->stack_end;
    case 7:
        return 1ULL << 47;
    case 8:
        return 1ULL << 48;
    case 9:
        return 1ULL << 63;
    case 10:
        return FUZZ_KERNEL_VA;
    case 11:
        return FUZZ_KERNEL_VA - 0x40080000U + 0x09000000U; /* the UART */
    case 12:
        return FUZZ_KERNEL_VA - 0x80000U; /* RAM */
    case 13:
        return 0xFFFF000000000000U;
    case 14:
        return 0x40080000U; /* the image's physical address */
    case 15:
        /* The program's own addresses with one more bit. */
        return ABI_IMAGE_BASE | 1ULL << (24U + fuzz_below(&fuzzer->random, 40));
    case 16:
        return (uint64_t)(uintptr_t)letters + PAGE * fuzz_below(&fuzzer->random, LETTER_PAGES + 1);
    case 17:
        return (uint64_t)(uintptr_t)fuzz_letters_end;
    case 18:
        return fuzz_next(&fuzzer->random) & ~(uint64_t)(PAGE - 1U);
    default:
        return FUZZ_KERNEL_VA + (fuzz_next(&fuzzer->random) & 0x7FFFFFFU);
    }
}

static uint64_t pick_length(struct fuzzer *fuzzer, uint64_t start)
{
    const struct memory *memory = &fuzzer->memory;
    uint64_t near = fuzz_below(&fuzzer->random, 33) - 16U;

    switch (fuzz_below(&fuzzer->random, KINDS_OF_LENGTH)) {
    case 0:
        return 0;
    case 1:
        return near + PAGE * fuzz_below(&fuzzer->random, 4);
    case 2:
        return memory->stack_end - start + near;
    case 3:
        return memory->data_end - start + near;
    case 4:
        return 0U - start + near; /* the end wraps, or nearly */
    case 5:
        return ABI_IMAGE_BASE - start + near;
    case 6:
        return 1ULL << (32U + fuzz_below(&fuzzer->random, 32));
    case 7:
        return UINT64_MAX - fuzz_below(&fuzzer->random, 16);
    default:
        return fuzz_below(&fuzzer->random, 24);
    }
}

/* Letters that exist: the kernel must write them. Long ones are rare, the console is slow. */
static void pick_letters(struct fuzzer *fuzzer, uint64_t *start, uint64_t *length)
{
    uint64_t most = fuzz_once_in(&fuzzer->random, 512) ? 2U * PAGE : 24U;

    *start = (uint64_t)(uintptr_t)letters + fuzz_below(&fuzzer->random, sizeof(letters) - most + 1);
    *length = fuzz_below(&fuzzer->random, most + 1U);
}

void memory_pick(struct fuzzer *fuzzer, uint64_t *start, uint64_t *length)
{
    uint64_t longest = fuzz_once_in(&fuzzer->random, 64) ? 2U * PAGE : 32U;

    if (fuzz_once_in(&fuzzer->random, 8)) {
        pick_letters(fuzzer, start, length);
        return;
    }
    *start = pick_edge(fuzzer) + fuzz_below(&fuzzer->random, 33) - 16U;
    *length = pick_length(fuzzer, *start);
    if (memory_readable(&fuzzer->memory, *start, *length) &&
        (*length > longest || !memory_is_letters(&fuzzer->memory, *start, *length))) {
        *start = fuzz_next(&fuzzer->random) | 1ULL << 48;
    }
}
