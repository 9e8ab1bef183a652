/*
 * Fail-stop. A kernel bug stops the machine with the broken expression and its place; a user's
 * mistake never can.
 */
#ifndef TYRNE_PANIC_H
#define TYRNE_PANIC_H

/*
 * Print `what` with its place and a backtrace, then power off. Callable at any boot step, in
 * either half, with interrupts in any state. Does not return.
 */
_Noreturn void kernel_panic(const char *what, const char *file, int line);

/* The same for an assertion that does not hold. */
_Noreturn void kernel_assert_failed(const char *expression, const char *file, int line);

#define PANIC(what) kernel_panic((what), __FILE__, __LINE__)

/* Checked in every build. */
#define KASSERT(condition)                                                                         \
    ((condition) ? (void)0 : kernel_assert_failed(#condition, __FILE__, __LINE__))

#endif
