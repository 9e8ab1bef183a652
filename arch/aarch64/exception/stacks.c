#include <arch/stacks.h>

#include <arch/layout.h>
#include <arch/trap_frame.h>
#include <tyrne/hal/debug.h>
#include <tyrne/print.h>

/* The longest chain that is printed; a kernel stack of 12 KiB cannot usefully hold more. */
#define BACKTRACE_MAX 32U

extern const char __kernel_stacks_start[];

/* Offset of `address` from the start of the stack region; huge when it lies below. */
static uint64_t region_offset(uint64_t address)
{
    return address - (uint64_t)(uintptr_t)__kernel_stacks_start;
}

static bool in_region(uint64_t offset)
{
    return offset < (uint64_t)KERNEL_STACK_SLOTS * KERNEL_STACK_SLOT_SIZE;
}

static bool in_guard(uint64_t address)
{
    uint64_t offset = region_offset(address);

    return in_region(offset) && offset % KERNEL_STACK_SLOT_SIZE < KERNEL_STACK_GUARD_SIZE;
}

bool stack_guard_holds(uint64_t sp)
{
    return in_guard(sp) || in_guard(sp - TRAP_FRAME_SIZE);
}

bool stack_holds(uint64_t sp)
{
    return in_region(region_offset(sp - 1)) && !in_guard(sp - 1);
}

/* True if the 16-byte frame record at `address` can be read. */
static bool record_readable(uint64_t address)
{
    return address % 16 == 0 && in_region(region_offset(address)) && !in_guard(address);
}

void stack_backtrace_from(uint64_t pc, uint64_t frame_pointer)
{
    kprintf("  backtrace:\n    0x%016lx\n", pc);
    for (unsigned i = 0; i < BACKTRACE_MAX && record_readable(frame_pointer); i++) {
        const uint64_t *record = (const uint64_t *)(uintptr_t)frame_pointer;

        if (record[1] == 0) {
            return;
        }
        kprintf("    0x%016lx\n", record[1]);
        /* Callers' records lie above; anything else is a loop. */
        if (record[0] <= frame_pointer) {
            return;
        }
        frame_pointer = record[0];
    }
}

void hal_backtrace(void)
{
    const uint64_t *own_record = __builtin_frame_address(0);

    stack_backtrace_from(own_record[1], own_record[0]);
}
