/*
 * A program's image: code and read-only data, then writable data, each on pages of its own, so that rights can
 * differ. objcopy makes it raw; .bss is not in the file.
 */
#include <tyrne/abi/syscall.h>

#define USER_PAGE 0x1000

OUTPUT_ARCH(aarch64)
ENTRY(_start)

SECTIONS
{
    . = ABI_IMAGE_BASE;
    .text : {
        KEEP(*(.text.start))
        *(.text .text.*)
        *(.rodata .rodata.*)
    }
    /* The raw image of a program without .data ends above; the loader fills the page with zeros. */
    . = ALIGN(USER_PAGE);
    __code_size = . - ABI_IMAGE_BASE;
    .data : {
        *(.data .data.*)
    }
    __data_end_offset = . - ABI_IMAGE_BASE;
    .bss (NOLOAD) : {
        . = ALIGN(16);
        *(.bss .bss.* COMMON)
    }
    __bss_end_offset = . - ABI_IMAGE_BASE;

    .unexpected : {
        *(.got .got.* .plt .plt.* .init_array .init_array.* .tdata .tbss)
    }
    /DISCARD/ : { *(.eh_frame*) *(.note.*) *(.comment) *(.ARM.attributes) }
}

ASSERT(_start == ABI_IMAGE_BASE, "the entry must be the image's first byte")
ASSERT(SIZEOF(.unexpected) == 0, "GOT, PLT, TLS or constructors in a program")
