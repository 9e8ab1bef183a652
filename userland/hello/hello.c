/* The seed's first program: one greeting, then the end. Two syscalls. */
#include <user/program.h>
#include <user/syscall.h>

uint64_t user_main(void)
{
    static const char greeting[] = "hello from userspace\n";
    uint64_t written;

    /* A release kernel has no console for programs: its refusal changes nothing here. */
    (void)user_console_write(ABI_HANDLE_CONSOLE, greeting, sizeof(greeting) - 1U, &written);
    return 0;
}
