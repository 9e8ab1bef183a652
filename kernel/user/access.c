#include <tyrne/user.h>

#include <tyrne/address.h>
#include <tyrne/panic.h>

#define PAGE_MASK ((uint64_t)PAGE_SIZE - 1U)

/* True if [va, va + length) lies inside the window, without wrapping. */
static bool in_window(const struct user_layout *window, uint64_t va, uint64_t length)
{
    return va >= window->image_va.value && va <= window->stack_end_va.value &&
           length <= window->stack_end_va.value - va;
}

status_t user_check(const struct core *core, uint64_t va, uint64_t length, enum user_access access)
{
    unsigned self = core->sched.current;
    struct object_ref space = core->sched.tasks[self].space;

    if (!in_window(&core->windows[self], va, length)) {
        return STATUS_FAULT_ADDRESS;
    }
    /* The window bounds the number of pages. */
    for (uint64_t page = va & ~PAGE_MASK; length != 0 && page < va + length; page += PAGE_SIZE) {
        enum user_rights rights;
        paddr_t pa;

        if (address_space_translate(core->spaces, space, (user_va_t){page}, &pa, &rights) !=
            STATUS_OK) {
            return STATUS_FAULT_ADDRESS;
        }
        if (access == USER_ACCESS_WRITE && rights != USER_READ_WRITE) {
            return STATUS_FAULT_ADDRESS;
        }
    }
    return STATUS_OK;
}

unsigned char *user_bytes(const struct core *core, uint64_t va, size_t *length)
{
    struct object_ref space = core->sched.tasks[core->sched.current].space;
    size_t left_in_page = (size_t)(PAGE_SIZE - (va & PAGE_MASK));
    enum user_rights rights;
    paddr_t pa;

    KASSERT(address_space_translate(core->spaces, space, (user_va_t){va}, &pa, &rights) ==
            STATUS_OK);
    if (*length > left_in_page) {
        *length = left_in_page;
    }
    return (unsigned char *)(uintptr_t)phys_to_kernel_va(pa).value;
}
