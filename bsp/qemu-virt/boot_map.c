/*
 * What this board maps at boot (SYSTEM.md section 2): the identity map with the image and the UART
 * only, and the high half with the image, the rest of RAM and the devices.
 */
#include <arch/boot.h>
#include <arch/boot_map.h>
#include <arch/layout.h>
#include <board/memory_map.h>
#include <tyrne/panic.h>

/* Linker symbols (kernel.ld.S). Their PC-relative addresses are physical while the PC is low. */
extern const char __image_start[], __image_end[];
extern const char __text_start[], __text_end[];
extern const char __rodata_start[], __rodata_end[];
extern const char __data_start[], __data_end[];
extern const char __kernel_stacks_start[];
extern const char __task_stacks_start[], __task_stacks_end[];

/*
 * Identity: L0, L1, L2 of the device GiB, L3 of the UART, L2 of the RAM GiB, L3 of the image.
 * High: L0, L1, L2 of the devices (2 MiB blocks), L2 of RAM, L3 of the image's 2 MiB.
 */
#define IDENTITY_TABLES    6
#define HIGH_TABLES        5

#define BOOT_TABLE_SECTION __attribute__((section(".boot_tables")))

BOOT_TABLE_SECTION translation_table boot_pt_identity[IDENTITY_TABLES];
BOOT_TABLE_SECTION translation_table boot_pt_high[HIGH_TABLES];

static uint64_t pa_of(const char *symbol)
{
    return (uint64_t)(uintptr_t)symbol;
}

static void map_span(struct boot_map *map, uint64_t offset, uint64_t start_pa, uint64_t end_pa,
                     enum kernel_rights rights)
{
    KASSERT(start_pa <= end_pa);
    boot_map_range(map, start_pa + offset, start_pa, end_pa - start_pa, rights);
}

/* Slots of kernel stacks. The lowest page of each is its guard and stays unmapped. */
static void map_stacks(struct boot_map *map, uint64_t offset, uint64_t start_pa, uint64_t end_pa)
{
    for (uint64_t slot = start_pa; slot < end_pa; slot += KERNEL_STACK_SLOT_SIZE) {
        map_span(map, offset, slot + KERNEL_STACK_GUARD_SIZE, slot + KERNEL_STACK_SLOT_SIZE,
                 KERNEL_DATA);
    }
}

/* The image at VA = PA + offset: the same rights in both maps, no page writable and executable. */
static void map_image(struct boot_map *map, uint64_t offset)
{
    map_span(map, offset, pa_of(__text_start), pa_of(__text_end), KERNEL_TEXT);
    map_span(map, offset, pa_of(__rodata_start), pa_of(__rodata_end), KERNEL_READ_ONLY);
    map_span(map, offset, pa_of(__data_start), pa_of(__data_end), KERNEL_DATA);
    map_stacks(map, offset, pa_of(__kernel_stacks_start), pa_of(__task_stacks_start));
}

/* Addresses here are physical only while the PC is low; elsewhere the maps would be nonsense. */
static void check_running_low(void)
{
    KASSERT(pa_of(__image_start) == BOARD_IMAGE_PA);
}

uint64_t board_build_identity_map(void)
{
    struct boot_map map;

    check_running_low();
    boot_map_init(&map, boot_pt_identity, IDENTITY_TABLES);
    map_span(&map, 0, BOARD_UART_PA, BOARD_UART_PA + LAYOUT_PAGE_SIZE, KERNEL_DEVICE);
    map_image(&map, 0);
    return boot_map_finish(&map);
}

uint64_t board_build_high_map(void)
{
    struct boot_map map;
    const uint64_t offset = KERNEL_HIGH_HALF_OFFSET;

    check_running_low();
    boot_map_init(&map, boot_pt_high, HIGH_TABLES);
    map_span(&map, offset, BOARD_DEVICES_PA, BOARD_DEVICES_END_PA, KERNEL_DEVICE);
    map_span(&map, offset, BOARD_RAM_PA, pa_of(__image_start), KERNEL_DATA);
    map_image(&map, offset);
    /* First used in the high half, so not in the identity map. */
    map_stacks(&map, offset, pa_of(__task_stacks_start), pa_of(__task_stacks_end));
    /* Between the tables' end and the first stack slot there may be alignment padding: plain RAM.
     */
    map_span(&map, offset, pa_of(__data_end), pa_of(__kernel_stacks_start), KERNEL_DATA);
    map_span(&map, offset, pa_of(__image_end), BOARD_RAM_END_PA, KERNEL_DATA);
    return boot_map_finish(&map);
}
