#include <tyrne/kernel.h>

#include <tyrne/bringup.h>
#include <tyrne/print.h>

void kernel_main(void)
{
    bring_up_note_start();
    kprintf("tyrne: hello from kernel_main\n");
}

void kernel_mmu_active(void)
{
    kprintf("tyrne: mmu activated\n");
}

_Noreturn void kernel_high_half(void)
{
    kprintf("tyrne: high-half active\n");
    bring_up();
}
