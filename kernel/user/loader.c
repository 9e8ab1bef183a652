#include <tyrne/user.h>

#include <tyrne/address.h>
#include <tyrne/hal/memory.h>
#include <tyrne/panic.h>

#define GUARD_BYTES PAGE_SIZE

/* The parts of an image, in bytes from its start; each end is that of the part before at least. */
struct parts {
    uint64_t code_end; /* a multiple of PAGE_SIZE */
    uint64_t data_end; /* of what the image holds */
    uint64_t bss_end;
};

static uint64_t page_up(uint64_t value)
{
    return (value + PAGE_SIZE - 1U) & ~(uint64_t)(PAGE_SIZE - 1U);
}

/* Byte by byte: the header need not be aligned for its fields. */
static uint64_t read_le(const unsigned char *bytes, unsigned count)
{
    uint64_t value = 0;

    for (unsigned i = count; i > 0; i--) {
        value = value << 8 | bytes[i - 1U];
    }
    return value;
}

static status_t parts_of(struct user_image image, struct parts *parts)
{
    const unsigned char *header = image.bytes + USER_IMAGE_HEADER_OFFSET;
    uint64_t held;

    if (image.size < USER_IMAGE_HEADER_OFFSET + sizeof(struct user_image_header) ||
        read_le(header, 8) != USER_IMAGE_MAGIC) {
        *parts = (struct parts){page_up(image.size), page_up(image.size), page_up(image.size)};
        return STATUS_OK;
    }
    *parts = (struct parts){
        .code_end = read_le(header + offsetof(struct user_image_header, code_end), 4),
        .data_end = read_le(header + offsetof(struct user_image_header, data_end), 4),
        .bss_end = read_le(header + offsetof(struct user_image_header, bss_end), 4),
    };
    /* Without data an image may end inside its last page of code. */
    held = parts->data_end == parts->code_end ? page_up(image.size) : image.size;
    if (parts->code_end % PAGE_SIZE != 0 || parts->code_end == 0 ||
        parts->data_end < parts->code_end || parts->data_end > held ||
        parts->bss_end < parts->data_end ||
        read_le(header + offsetof(struct user_image_header, reserved), 4) != 0) {
        return STATUS_BAD_ARGUMENT;
    }
    return STATUS_OK;
}

/* Frames that the pages of `layout` and the tables above them need in an empty space. */
static uint64_t frames_needed(const struct user_layout *layout)
{
    uint64_t first = layout->image_va.value;
    uint64_t last = layout->stack_end_va.value - 1U;
    /* The guard page shares each of its tables with a neighbour, so the tables are those of one
     * run. */
    uint64_t frames = (layout->data_end_va.value - first) / PAGE_SIZE +
                      (layout->stack_end_va.value - layout->stack_va.value) / PAGE_SIZE;

    for (unsigned shift = 21; shift <= 39; shift += 9) {
        frames += (last >> shift) - (first >> shift) + 1U;
    }
    return frames;
}

/* The empty space that `handle` of `table` names. */
static status_t resolve_space(const struct core *core, unsigned table, cap_handle_t handle,
                              struct object_ref *space)
{
    struct capability cap;
    status_t status = cap_lookup(&core->caps, table, handle, &cap);

    if (status != STATUS_OK) {
        return status;
    }
    if (cap.kind != CAP_KIND_ADDRESS_SPACE) {
        return STATUS_WRONG_KIND;
    }
    if (!object_live(&core->spaces->arena, cap.object)) {
        return STATUS_STALE_OBJECT;
    }
    *space = cap.object;
    return core->spaces->spaces[cap.object.index].pages == 0 ? STATUS_OK : STATUS_IN_USE;
}

/* Everything that can be wrong, before anything is changed. */
static status_t preflight(const struct core *core, struct user_image image, size_t stack_bytes,
                          struct parts *parts, struct user_layout *layout)
{
    paddr_t image_pa;
    status_t status;

    if (image.size == 0 || stack_bytes == 0) {
        return STATUS_BAD_ARGUMENT;
    }
    image_pa = kernel_va_to_phys((vaddr_t){(uint64_t)(uintptr_t)image.bytes});
    if (image_pa.value % PAGE_SIZE != 0 || stack_bytes % PAGE_SIZE != 0) {
        return STATUS_BAD_ALIGNMENT;
    }
    if (image.size >= USER_VA_END || stack_bytes >= USER_VA_END) {
        return STATUS_OUT_OF_RANGE;
    }
    status = parts_of(image, parts);
    if (status != STATUS_OK) {
        return status;
    }
    layout->image_va = (user_va_t){ABI_IMAGE_BASE};
    layout->data_va = (user_va_t){ABI_IMAGE_BASE + parts->code_end};
    layout->data_end_va = (user_va_t){ABI_IMAGE_BASE + page_up(parts->bss_end)};
    layout->stack_va = (user_va_t){layout->data_end_va.value + GUARD_BYTES};
    layout->stack_end_va = (user_va_t){layout->stack_va.value + stack_bytes};
    if (layout->stack_end_va.value > USER_VA_END ||
        pmm_can_give_out(core->spaces->pmm,
                         (struct pa_range){image_pa, {image_pa.value + page_up(image.size)}})) {
        return STATUS_OUT_OF_RANGE;
    }
    return frames_needed(layout) <= pmm_free_frames(core->spaces->pmm) ? STATUS_OK
                                                                       : STATUS_OUT_OF_FRAMES;
}

/*
 * Map the pages of [start, end) with `rights`, filled with what `image` holds for them. The
 * preflight has counted every frame, so nothing can fail.
 */
static void map_pages(struct core *core, struct object_ref space, user_va_t start, user_va_t end,
                      enum user_rights rights, struct user_image image, struct flush_batch *batch)
{
    for (uint64_t va = start.value; va < end.value; va += PAGE_SIZE) {
        uint64_t offset = va - ABI_IMAGE_BASE;
        struct flush_token token;
        unsigned char *to;
        paddr_t frame_pa;

        KASSERT(pmm_alloc(core->spaces->pmm, &frame_pa) == STATUS_OK);
        to = (unsigned char *)(uintptr_t)phys_to_kernel_va(frame_pa).value;
        for (uint64_t i = 0; i < PAGE_SIZE && offset + i < image.size; i++) {
            to[i] = image.bytes[offset + i];
        }
        if (rights == USER_READ_EXECUTE) {
            hal_sync_code(to, PAGE_SIZE);
        }
        KASSERT(address_space_map(core->spaces, space, (user_va_t){va}, frame_pa, rights, &token) ==
                STATUS_OK);
        flush_ignore(&token, batch);
    }
}

status_t user_load(struct core *core, unsigned table, cap_handle_t space, struct user_image image,
                   size_t stack_bytes, struct object_ref *loaded, struct user_layout *layout)
{
    struct user_image initialised = image;
    struct flush_batch batch;
    struct object_ref target;
    struct user_layout found;
    struct parts parts;
    status_t status = resolve_space(core, table, space, &target);

    if (status == STATUS_OK) {
        status = preflight(core, image, stack_bytes, &parts, &found);
    }
    if (status != STATUS_OK) {
        return status;
    }
    /* Commits: nothing below can fail. */
    if (initialised.size > parts.data_end) {
        initialised.size = parts.data_end;
    }
    flush_batch_init(&batch, core->spaces);
    map_pages(core, target, found.image_va, found.data_va, USER_READ_EXECUTE, initialised, &batch);
    map_pages(core, target, found.data_va, found.data_end_va, USER_READ_WRITE, initialised, &batch);
    map_pages(core, target, found.stack_va, found.stack_end_va, USER_READ_WRITE,
              (struct user_image){image.bytes, 0}, &batch);
    flush_all(&batch);
    *loaded = target;
    *layout = found;
    return STATUS_OK;
}
