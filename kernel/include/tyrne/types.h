/*
 * Address types of the kernel.
 *
 * A physical and a virtual address are distinct struct types, so mixing them does not compile.
 * Plain integers appear only where a value is about to become a register or a descriptor.
 */
#ifndef TYRNE_TYPES_H
#define TYRNE_TYPES_H

#include <stdint.h>

/* A physical address, in bytes. */
typedef struct {
    uint64_t value;
} paddr_t;

/* [start, end), in bytes. */
struct pa_range {
    paddr_t start_pa;
    paddr_t end_pa;
};

/* A virtual address of the kernel's half, in bytes. */
typedef struct {
    uint64_t value;
} vaddr_t;

/* A virtual address of the user's half, in bytes. */
typedef struct {
    uint64_t value;
} user_va_t;

#define PAGE_SIZE 4096U

#endif
