/*
 * Kernels with a bug: their first task makes a mistake that must end the machine, each time by a
 * report or a halt that has a name. MISTAKE says which; the kernel itself is as it always is.
 */
#include <tyrne/bringup.h>

#include <arch/boot.h>
#include <arch/layout.h>
#include <stdint.h>
#include <tyrne/address.h>
#include <tyrne/panic.h>
#include <tyrne/print.h>

#define UNMAPPED      0x10UL
#define UART_PA       0x09000000UL
#define TABLE_ENTRIES 512U
#define ADDRESS_MASK  0x0000fffffffff000UL

void mistake(void *argument);

static __attribute__((unused)) void read_unmapped(void)
{
    __asm__ volatile("ldr x0, [%0]" : : "r"(UNMAPPED) : "x0", "memory");
}

static __attribute__((unused, noinline)) uint64_t overrun(uint64_t depth)
{
    volatile uint64_t room[32];

    room[depth % 32U] = depth;
    return depth == 0 ? 0 : overrun(depth - 1U) + room[(depth + 1U) % 32U];
}

/* Go on with this stack pointer, and fault. */
static __attribute__((unused)) void fault_with_stack(uint64_t sp)
{
    __asm__ volatile("mov sp, %0\n\tldr x0, [%1]" : : "r"(sp), "r"(UNMAPPED) : "x0", "memory");
}

static __attribute__((unused)) uint64_t stack_pointer(void)
{
    uint64_t sp;

    __asm__ volatile("mov %0, sp" : "=r"(sp));
    return sp;
}

/* Go on with this frame pointer, and fault: the backtrace starts from it. */
static __attribute__((unused)) void fault_with_frame(const uint64_t *record)
{
    __asm__ volatile("mov x29, %0\n\tldr x0, [%1]" : : "r"(record), "r"(UNMAPPED) : "x0", "memory");
}

/* The UART's mapping goes away, so the report faults as well. */
static __attribute__((unused)) void unmap_console(void)
{
    uint64_t va = phys_to_kernel_va((paddr_t){UART_PA}).value;
    uint64_t table_pa;

    __asm__ volatile("mrs %0, ttbr1_el1" : "=r"(table_pa));
    for (unsigned shift = 39; shift >= 12U; shift -= 9U) {
        uint64_t *table = (uint64_t *)phys_to_kernel_va((paddr_t){table_pa & ADDRESS_MASK}).value;
        uint64_t *entry = &table[(va >> shift) % TABLE_ENTRIES];

        if ((*entry & 3U) != 3U || shift == 12U) {
            *entry = 0;
            break;
        }
        table_pa = *entry;
    }
    __asm__ volatile("dsb ishst\n\ttlbi vmalle1\n\tdsb ish\n\tisb" : : : "memory");
}

#define PANICS                1
#define ASSERTS               2
#define READS_UNMAPPED        3
#define OVERRUNS_STACK        4
#define MISALIGNS_STACK       5
#define LOSES_STACK           6
#define FILLS_STACK           7
#define FAULTS_ON_SP_EL0      8
#define RETURNS               9
#define CALLS_HYPERVISOR      10
#define LOSES_CONSOLE         11
#define LOSES_EMERGENCY_STACK 12
#define LOOPS_IN_BACKTRACE    13
#define ENTERS_GUARD          14

void mistake(void *argument)
{
    (void)argument;
#if MISTAKE == PANICS
    PANIC("a mistake");
#elif MISTAKE == ASSERTS
    KASSERT(stack_pointer() == 0);
#elif MISTAKE == READS_UNMAPPED
    read_unmapped();
#elif MISTAKE == OVERRUNS_STACK
    kprintf("%lu\n", overrun(1000));
#elif MISTAKE == MISALIGNS_STACK
    fault_with_stack(stack_pointer() - 8U);
#elif MISTAKE == LOSES_STACK
    fault_with_stack(UNMAPPED);
#elif MISTAKE == FILLS_STACK
    fault_with_stack(stack_pointer() / KERNEL_STACK_SLOT_SIZE * KERNEL_STACK_SLOT_SIZE +
                     KERNEL_STACK_GUARD_SIZE + 512U);
#elif MISTAKE == ENTERS_GUARD
    fault_with_stack(stack_pointer() / KERNEL_STACK_SLOT_SIZE * KERNEL_STACK_SLOT_SIZE + 512U);
#elif MISTAKE == FAULTS_ON_SP_EL0
    __asm__ volatile("msr spsel, #0\n\tldr x0, [%0]" : : "r"(UNMAPPED) : "x0", "memory");
#elif MISTAKE == CALLS_HYPERVISOR
    __asm__ volatile("hvc #0" : : : "x0", "memory");
#elif MISTAKE == LOSES_CONSOLE
    unmap_console();
    read_unmapped();
#elif MISTAKE == LOSES_EMERGENCY_STACK
    /* As a report from it that failed would have left it. */
    boot_status.emergency = 1;
    fault_with_stack(UNMAPPED);
#elif MISTAKE == LOOPS_IN_BACKTRACE
    uint64_t record[2] __attribute__((aligned(16)));

    record[0] = (uint64_t)(uintptr_t)record;
    record[1] = UNMAPPED;
    fault_with_frame(record);
#elif MISTAKE != RETURNS
#error MISTAKE is none of the above
#endif
}

void demo_create(struct core *core, struct object_ref idle, struct object_ref program)
{
    struct object_ref task;

    (void)idle;
    (void)program;
    KASSERT(sched_create(&core->sched, mistake, core, &task) == STATUS_OK);
    KASSERT(sched_start(&core->sched, task) == STATUS_OK);
}
