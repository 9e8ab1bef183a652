/* What the portable core asks of this board: its RAM, and which interrupt the timer raises. */
#include <board/memory_map.h>
#include <tyrne/address.h>
#include <tyrne/hal/board.h>
#include <tyrne/hal/timer.h>
#include <tyrne/panic.h>

/* The EL1 virtual timer's PPI 11 (QEMU hw/arm/virt.c; Arm BSA recommends the same INTID). */
#define TIMER_INTID 27U

/* Linker symbols (kernel.ld.S), all multiples of 4 KiB. */
extern const char __image_start[], __bss_end[];
extern const char __boot_tables_start[], __data_end[];
extern const char __kernel_stacks_end[];

static paddr_t pa_of(const char *symbol)
{
    return kernel_va_to_phys((vaddr_t){(uint64_t)(uintptr_t)symbol});
}

struct pa_range hal_board_ram(void)
{
    return (struct pa_range){{BOARD_RAM_PA}, {BOARD_RAM_END_PA}};
}

size_t hal_board_reserved(struct pa_range *ranges, size_t max)
{
    const struct pa_range reserved[] = {
        {{BOARD_RAM_PA}, pa_of(__image_start)},          /* firmware, device tree */
        {pa_of(__image_start), pa_of(__bss_end)},        /* .text to .bss */
        {pa_of(__boot_tables_start), pa_of(__data_end)}, /* live for as long as the kernel */
        {pa_of(__data_end), pa_of(__kernel_stacks_end)}, /* stacks, guards, padding before them */
    };
    const size_t count = sizeof(reserved) / sizeof(reserved[0]);

    for (size_t i = 0; i < count && i < max; i++) {
        ranges[i] = reserved[i];
    }
    return count;
}

/* programs.S.in */
struct program_entry {
    int32_t offset; /* of the image's first byte, from the table */
    uint32_t size;
};
extern const struct program_entry board_programs[], board_programs_end[];

unsigned hal_board_program_count(void)
{
    /* Two symbols of one table, which C does not know: the difference of their addresses. */
    return (unsigned)(((uintptr_t)board_programs_end - (uintptr_t)board_programs) /
                      sizeof(struct program_entry));
}

struct user_image hal_board_program(unsigned index)
{
    const unsigned char *table = (const unsigned char *)board_programs;

    KASSERT(index < hal_board_program_count());
    return (struct user_image){table + board_programs[index].offset, board_programs[index].size};
}

uint32_t hal_timer_intid(void)
{
    return TIMER_INTID;
}
