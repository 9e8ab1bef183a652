/*
 * The kernel image on QEMU virt: linked high, loaded low (SYSTEM.md section 2).
 *
 * The whole image is linked at KBASE and placed low by AT(); the ELF's entry is the physical alias
 * of _start. Each kind of memory starts on a page of its own, so that rights can differ.
 */
#include <board/memory_map.h>

#define KBASE (KERNEL_HIGH_HALF_OFFSET + BOARD_IMAGE_PA)

OUTPUT_ARCH(aarch64)
ENTRY(_start_phys)

PHDRS
{
    text PT_LOAD FLAGS(5);   /* R X */
    rodata PT_LOAD FLAGS(4); /* R   */
    note PT_NOTE FLAGS(4);   /* the build-id, inside rodata */
    data PT_LOAD FLAGS(6);   /* R W */
}

SECTIONS
{
    . = KBASE;
    __image_start = .;

    .text : AT(ADDR(.text) - KERNEL_HIGH_HALF_OFFSET) {
        __text_start = .;
        KEEP(*(.text.boot))
        /* 2 KiB aligned, both, with as little lost between as can be. */
        KEEP(*(.text.boot_el2_vectors))
        KEEP(*(.text.vectors))
        *(.text .text.*)
        . = ALIGN(LAYOUT_PAGE_SIZE);
        __text_end = .;
    } :text

    .rodata : AT(ADDR(.rodata) - KERNEL_HIGH_HALF_OFFSET) {
        __rodata_start = .;
        *(.rodata.programs) /* on pages of their own, so they come first */
        *(.rodata .rodata.*)
    } :rodata

    .note.gnu.build-id : AT(ADDR(.note.gnu.build-id) - KERNEL_HIGH_HALF_OFFSET) {
        KEEP(*(.note.gnu.build-id))
    } :rodata :note

    . = ALIGN(LAYOUT_PAGE_SIZE);
    __rodata_end = .;

    .data : AT(ADDR(.data) - KERNEL_HIGH_HALF_OFFSET) {
        __data_start = .;
        *(.data .data.*)
        . = ALIGN(LAYOUT_PAGE_SIZE);
    } :data

    /* Written before the MMU is on, from here ... */
    __early_written_start = .;

    .bss (NOLOAD) : AT(ADDR(.bss) - KERNEL_HIGH_HALF_OFFSET) {
        __bss_start = .;
        *(.bss .bss.* COMMON)
        . = ALIGN(LAYOUT_PAGE_SIZE);
        __bss_end = .;
    } :data

    /* Frames for the boot's translation tables. Emptied by their builder, not with .bss. */
    .boot_tables (NOLOAD) : AT(ADDR(.boot_tables) - KERNEL_HIGH_HALF_OFFSET) {
        __boot_tables_start = .;
        *(.boot_tables)
        . = ALIGN(LAYOUT_PAGE_SIZE);
        __data_end = .;
    } :data

    /* Each slot: an unmapped guard page, then the stack (arch/layout.h). */
    .stacks (NOLOAD) : AT(ADDR(.stacks) - KERNEL_HIGH_HALF_OFFSET) {
        . = ALIGN(KERNEL_STACK_SLOT_SIZE);
        __kernel_stacks_start = .;
        . += KERNEL_STACK_SLOT_SIZE * KERNEL_STACK_SLOT_TASKS;
        /* ... to here: page-aligned at both ends. The stacks of tasks are first used after the jump. */
        __early_written_end = .;
        __task_stacks_start = .;
        . += KERNEL_STACK_SLOT_SIZE * KERNEL_TASK_STACKS;
        __task_stacks_end = .;
        __kernel_stacks_end = .;
    } :data

    __image_end = .;

    /* What a kernel without dynamic linking, constructors or GOT must not have. */
    .unexpected : AT(ADDR(.unexpected) - KERNEL_HIGH_HALF_OFFSET) {
        *(.got .got.* .igot .igot.* .plt .plt.* .iplt .init_array .init_array.* .fini_array .ctors)
        *(.tdata .tdata.* .tbss .tbss.*)
    } :data

    /DISCARD/ : { *(.eh_frame*) *(.note.GNU-stack) *(.comment) *(.ARM.attributes) }
}

_start_phys = _start - KERNEL_HIGH_HALF_OFFSET;

__boot_stack_slot = __kernel_stacks_start + KERNEL_STACK_SLOT_BOOT * KERNEL_STACK_SLOT_SIZE;
__boot_stack_top = __boot_stack_slot + KERNEL_STACK_SLOT_SIZE;
__emergency_stack_slot = __kernel_stacks_start + KERNEL_STACK_SLOT_EMERGENCY * KERNEL_STACK_SLOT_SIZE;
__emergency_stack_top = __emergency_stack_slot + KERNEL_STACK_SLOT_SIZE;

ASSERT(__image_start == KBASE, "the image must start at KBASE")
ASSERT(SIZEOF(.unexpected) == 0, "GOT, PLT, TLS or constructors in the kernel")
ASSERT(_start == __image_start, "_start must be the first instruction of the image")
ASSERT(_start_phys == BOARD_IMAGE_PA, "the entry must be the load address")
ASSERT(LOADADDR(.text) == BOARD_IMAGE_PA, ".text must load at the image's physical address")
ASSERT(vectors % 2048 == 0, "VBAR_EL1 needs 2 KiB alignment")
ASSERT(boot_el2_vectors % 2048 == 0, "VBAR_EL2 needs 2 KiB alignment")
ASSERT(__text_end % LAYOUT_PAGE_SIZE == 0, ".text must end on a page")
ASSERT(__rodata_end % LAYOUT_PAGE_SIZE == 0, ".rodata must end on a page")
ASSERT(__bss_start % LAYOUT_PAGE_SIZE == 0, ".bss must start on a page")
ASSERT(__bss_end % LAYOUT_PAGE_SIZE == 0, ".bss must end on a page")
ASSERT(__data_end % LAYOUT_PAGE_SIZE == 0, "the tables must end on a page")
ASSERT(__kernel_stacks_start % KERNEL_STACK_SLOT_SIZE == 0, "stack slots must be aligned")
ASSERT(__task_stacks_end - __kernel_stacks_start == KERNEL_STACK_SLOTS * KERNEL_STACK_SLOT_SIZE,
       "the vectors know how many stack slots there are")
ASSERT(__early_written_end - __kernel_stacks_start == KERNEL_STACK_SLOT_TASKS * KERNEL_STACK_SLOT_SIZE,
       "what is written before the MMU is on ends with the boot's own stacks")
ASSERT(__image_end <= KERNEL_HIGH_HALF_OFFSET + BOARD_IMAGE_LIMIT_PA,
       "the image must fit the 2 MiB that the boot tables map by pages")
