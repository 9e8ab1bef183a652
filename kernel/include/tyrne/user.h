/*
 * User programs: images, tasks made from them, and the kernel's access to their memory (SYSTEM.md
 * sections 6 and 7).
 */
#ifndef TYRNE_USER_H
#define TYRNE_USER_H

#include <stddef.h>
#include <stdint.h>
#include <tyrne/task.h>

/*
 * A program's image in the kernel's memory. Offset 0 is the first instruction. An image whose bytes
 * 8 to 15 are USER_IMAGE_MAGIC has a header there and may have writable data; any other is code and
 * read-only data throughout (docs/decisions/0008).
 */
struct user_image {
    const unsigned char *bytes; /* aligned to PAGE_SIZE, in memory that the PMM never gives out */
    size_t size;
};

#define USER_IMAGE_MAGIC         0x474D49454E525954ULL /* "TYRNEIMG", little endian */
#define USER_IMAGE_HEADER_OFFSET 8U

struct user_image_header {
    uint64_t magic;
    uint32_t code_end; /* bytes from the image's start; a multiple of PAGE_SIZE */
    uint32_t data_end; /* of initialised data; no more than the image holds */
    uint32_t bss_end;  /* of zeroed data */
    uint32_t reserved; /* 0 */
};

/*
 * Load `image` with a stack of `stack_bytes` into the empty space that `space` of task `table`
 * names. Everything is checked before the first allocation: BAD_ARGUMENT (empty image, no stack, a
 * header that contradicts itself), BAD_ALIGNMENT (image or stack), OUT_OF_RANGE (user addresses
 * from 2^48 on, or an image in memory that can be allocated), INVALID_HANDLE, WRONG_KIND,
 * STALE_OBJECT, IN_USE (the space is not empty), OUT_OF_FRAMES (fewer free frames than are needed,
 * counted exactly). `*loaded` is the space.
 */
MUST_CHECK status_t user_load(struct core *core, unsigned table, cap_handle_t space,
                              struct user_image image, size_t stack_bytes,
                              struct object_ref *loaded, struct user_layout *layout);

/*
 * A fresh task (not queued) that runs `image` in the empty space that `space` of task `table`
 * names, with a stack of `stack_bytes` and a DebugConsole capability. The space is the task's and
 * goes with it. On an error nothing has changed: those of user_load(), OBJECTS_EXHAUSTED.
 */
MUST_CHECK status_t user_task_create(struct core *core, unsigned table, cap_handle_t space,
                                     struct user_image image, size_t stack_bytes,
                                     struct object_ref *task);

enum user_access {
    USER_ACCESS_READ,
    USER_ACCESS_WRITE,
};

/*
 * Check that the current task may access all `length` bytes at `va`: inside its window, each page
 * mapped for it, with the access. FAULT_ADDRESS otherwise. Nothing is accessed.
 */
MUST_CHECK status_t user_check(const struct core *core, uint64_t va, uint64_t length,
                               enum user_access access);

/*
 * The bytes of the current task at `va`, which user_check() has allowed, through the kernel's
 * direct map: `*length` is cut at the end of the page.
 */
unsigned char *user_bytes(const struct core *core, uint64_t va, size_t *length);

#endif
