#include <arch/trap_frame.h>

#include <arch/cpu.h>
#include <arch/esr.h>
#include <arch/stacks.h>
#include <stdbool.h>
#include <tyrne/hal/debug.h>
#include <tyrne/hal/power.h>
#include <tyrne/print.h>

/* Fixed-size strings, not pointers: this runs before the jump, too. */
static const char kind_names[4][20] = {"synchronous", "IRQ", "FIQ", "SError"};
static const char source_names[4][28] = {"current EL with SP_EL0", "current EL with SP_ELx",
                                         "lower EL, AArch64", "lower EL, AArch32"};

static void print_registers(const struct trap_frame *frame, uint64_t sp)
{
    for (unsigned i = 0; i < 31; i++) {
        kprintf("  x%02u %016lx%c", i, frame->x[i], i % 4 == 3 ? '\n' : ' ');
    }
    kprintf("\n  sp  %016lx  sp_el0 %016lx\n", sp, frame->sp_el0);
}

/* What is wrong with a stack pointer that the vectors refused. */
static const char *stack_state_text(uint64_t sp)
{
    if (stack_guard_holds(sp)) {
        return "kernel stack overrun into its guard page";
    }
    return sp % 16 == 0 && stack_holds(sp) ? "kernel stack all but used up"
                                           : "SP is no kernel stack";
}

static void print_cause(uint64_t vector, uint64_t sp)
{
    unsigned number = (unsigned)vector % VECTOR_BAD_STACK;

    kprintf("\ntyrne: fatal exception: %s, %s\n", kind_names[number % 4], source_names[number / 4]);
    if (vector >= VECTOR_BAD_STACK) {
        kprintf("  %s: sp = 0x%lx; this report is printed from the emergency stack\n",
                stack_state_text(sp), sp);
    }
    /* Only a synchronous exception and an SError have a syndrome (DDI 0487, ESR_EL1). */
    if (number % 4 == 0 || number % 4 == 3) {
        esr_print(cpu_read_esr(), cpu_read_far());
    }
}

_Noreturn void exception_fatal(uint64_t vector, const struct trap_frame *frame, uint64_t sp)
{
    /* A fault while reporting a fault gets one line, a third nothing. */
    static unsigned depth;

    depth++;
    if (depth == 1) {
        print_cause(vector, sp);
        kprintf("  elr 0x%016lx  spsr 0x%lx\n", frame->elr, frame->spsr);
        print_registers(frame, sp);
        stack_backtrace_from(frame->elr, frame->x[29]);
    } else if (depth == 2) {
        kprintf("\ntyrne: fault while reporting a fault: elr 0x%lx\n", frame->elr);
    }
    power_off();
}
