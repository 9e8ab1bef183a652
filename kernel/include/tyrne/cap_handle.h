/* The name by which a task refers to one of its capabilities: part of the syscall ABI. */
#ifndef TYRNE_CAP_HANDLE_H
#define TYRNE_CAP_HANDLE_H

#include <stdint.h>

/* generation << 16 | index: index is the slot in the task's table, 48 bits in all. */
typedef struct {
    uint64_t raw;
} cap_handle_t;

/* "No capability", as an argument and in a received message. */
#define NULL_CAP_HANDLE       ((cap_handle_t){UINT64_MAX})

#define CAP_HANDLE_INDEX_BITS 16U

static inline cap_handle_t cap_handle_make(uint32_t generation, uint16_t index)
{
    return (cap_handle_t){((uint64_t)generation << CAP_HANDLE_INDEX_BITS) | index};
}

static inline uint16_t cap_handle_index(cap_handle_t handle)
{
    return (uint16_t)handle.raw;
}

static inline uint32_t cap_handle_generation(cap_handle_t handle)
{
    return (uint32_t)(handle.raw >> CAP_HANDLE_INDEX_BITS);
}

static inline _Bool cap_handle_is_null(cap_handle_t handle)
{
    return handle.raw == UINT64_MAX;
}

#endif
