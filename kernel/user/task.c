#include <tyrne/user.h>

#include <tyrne/panic.h>

/* The capabilities that every user task starts with, at the handles that the ABI names. */
static void grant_start_capabilities(struct core *core, unsigned table)
{
    struct capability console = {.kind = CAP_KIND_DEBUG_CONSOLE, .rights = CAP_RIGHT_CONSOLE_WRITE};
    cap_handle_t handle;

    cap_table_renew(&core->caps, table);
    KASSERT(cap_insert_root(&core->caps, table, console, &handle) == STATUS_OK);
    KASSERT(handle.raw == ABI_HANDLE_CONSOLE);
}

status_t user_task_create(struct core *core, unsigned table, cap_handle_t space,
                          struct user_image image, size_t stack_bytes, struct object_ref *task)
{
    struct user_layout layout;
    struct object_ref target;
    status_t status;

    if (sched_task_room(&core->sched) == 0) {
        return STATUS_OBJECTS_EXHAUSTED;
    }
    status = user_load(core, table, space, image, stack_bytes, &target, &layout);
    if (status != STATUS_OK) {
        return status;
    }
    /* Commits: nothing below can fail. */
    KASSERT(sched_create_user(&core->sched, target, layout.image_va, layout.stack_end_va, task) ==
            STATUS_OK);
    core->windows[task->index] = layout;
    grant_start_capabilities(core, task->index);
    return STATUS_OK;
}
