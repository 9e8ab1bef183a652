/* What user_load() makes: layout, contents, rights, and code that is made fetchable in time. */
#include "machine.h"

#include <string.h>

/* hal_sync_code() so far, and what was seen then. */
static struct {
    unsigned count;
    paddr_t pa[16];
    struct object_ref space;
    struct user_image image;
    uint64_t code_end; /* bytes of the image that are code */
} synced;

/* The page that is made fetchable is filled for good, and nothing maps it yet. */
static void on_sync(paddr_t pa, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)(uintptr_t)pa.value;
    uint64_t offset = (uint64_t)synced.count * PAGE_SIZE;

    assert_int_equal(length, PAGE_SIZE);
    assert_int_equal(pa.value % PAGE_SIZE, 0);
    for (uint64_t i = 0; i < PAGE_SIZE; i++) {
        assert_int_equal(bytes[i],
                         offset + i < synced.image.size ? synced.image.bytes[offset + i] : 0);
    }
    for (uint64_t at = offset; at < synced.code_end; at += PAGE_SIZE) {
        assert_no_page(synced.space, ABI_IMAGE_BASE + at);
    }
    assert_true(synced.count < sizeof(synced.pa) / sizeof(synced.pa[0]));
    synced.pa[synced.count] = pa;
    synced.count++;
}

static paddr_t frame_at(uint64_t va, enum user_rights *rights)
{
    paddr_t pa;

    assert_int_equal(
        address_space_translate(&machine.spaces, synced.space, (user_va_t){va}, &pa, rights),
        STATUS_OK);
    return pa;
}

/* [start, end) is mapped with `rights` and holds what the image's first `held` bytes have there. */
static void assert_pages(uint64_t start, uint64_t end, enum user_rights rights, uint64_t held)
{
    for (uint64_t va = start; va < end; va++) {
        uint64_t at = va - ABI_IMAGE_BASE;
        enum user_rights found;
        const unsigned char *byte = (const unsigned char *)(uintptr_t)frame_at(va, &found).value;

        assert_int_equal(found, rights);
        assert_int_equal(*byte, at < held ? synced.image.bytes[at] : 0);
    }
}

/* Load it with two pages of stack, and look at everything that is mapped and what is not. */
static void load_and_look(struct user_image image, uint64_t code_end, uint64_t data_end,
                          uint64_t bss_end)
{
    uint64_t data_end_va = ABI_IMAGE_BASE + (bss_end + PAGE_SIZE - 1U) / PAGE_SIZE * PAGE_SIZE;
    uint64_t stack_va = data_end_va + PAGE_SIZE;
    uint64_t stack_end_va = stack_va + 2 * PAGE_SIZE;
    uint64_t held = data_end < image.size ? data_end : image.size;
    cap_handle_t handle;
    struct object_ref loaded = {99, 99};
    struct user_layout layout;

    synced.count = 0;
    synced.image = image;
    synced.code_end = code_end;
    synced.space = machine_space(&handle);
    fake_ram_on_sync(on_sync);
    assert_int_equal(
        user_load(&machine.core, KERNEL_TABLE, handle, image, 2 * PAGE_SIZE, &loaded, &layout),
        STATUS_OK);
    assert_memory_equal(&loaded, &synced.space, sizeof(loaded));
    assert_int_equal(layout.image_va.value, 0x800000);
    assert_int_equal(layout.data_va.value, 0x800000 + code_end);
    assert_int_equal(layout.data_end_va.value, data_end_va);
    assert_int_equal(layout.stack_va.value, stack_va);
    assert_int_equal(layout.stack_end_va.value, stack_end_va);

    assert_pages(ABI_IMAGE_BASE, ABI_IMAGE_BASE + code_end, USER_READ_EXECUTE, held);
    assert_pages(ABI_IMAGE_BASE + code_end, data_end_va, USER_READ_WRITE, held);
    assert_pages(stack_va, stack_end_va, USER_READ_WRITE, 0);
    assert_no_page(synced.space, ABI_IMAGE_BASE - 1);
    assert_no_page(synced.space, data_end_va); /* the guard */
    assert_no_page(synced.space, stack_va - 1);
    assert_no_page(synced.space, stack_end_va);
    assert_int_equal(machine.spaces.spaces[synced.space.index].pages,
                     (stack_end_va - ABI_IMAGE_BASE) / PAGE_SIZE - 1);
    assert_int_equal(machine.spaces.unspent, 0);

    /* Every code page was made fetchable, once, and nothing else was. */
    assert_int_equal(synced.count, code_end / PAGE_SIZE);
    for (unsigned i = 0; i < synced.count; i++) {
        enum user_rights rights;

        assert_int_equal(synced.pa[i].value,
                         frame_at(ABI_IMAGE_BASE + i * PAGE_SIZE, &rights).value);
    }
}

static void a_raw_image_is_code_throughout(void **state)
{
    static const uint64_t sizes[] = {1, 31, 32, 33, 4095, 4096, 4097, 3 * 4096, 3 * 4096 + 8};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t pages = (sizes[i] + PAGE_SIZE - 1U) / PAGE_SIZE * PAGE_SIZE;

        (void)machine_setup(state);
        load_and_look(machine_image(sizes[i]), pages, sizes[i], pages);
        (void)machine_teardown(state);
    }
}

static void an_image_with_a_header_has_data_and_bss(void **state)
{
    static const struct {
        uint32_t size, code_end, data_end, bss_end;
    } parts[] = {
        {4096, 4096, 4096, 4096},             /* code alone */
        {4096, 4096, 4096, 4097},             /* bss alone */
        {4096, 4096, 4096, 3 * 4096},         /* */
        {100, 4096, 4096, 9000},              /* ends inside its last page of code */
        {4097, 4096, 4097, 4097},             /* a byte of data */
        {2 * 4096, 4096, 2 * 4096, 2 * 4096}, /* a page of data */
        {2 * 4096 + 100, 4096, 2 * 4096 + 100, 6 * 4096 - 1}, /* data and bss share a page */
        {5 * 4096, 3 * 4096, 5 * 4096, 6 * 4096},             /* */
        {2 * 4096, 4096, 4096 + 50, 2 * 4096},                /* more in the image than its data */
        {3 * 4096, 4096, 4096, 3 * 4096},                     /* */
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        (void)machine_setup(state);
        load_and_look(machine_image_with(parts[i].size, parts[i].code_end, parts[i].data_end,
                                         parts[i].bss_end),
                      parts[i].code_end, parts[i].data_end, parts[i].bss_end);
        (void)machine_teardown(state);
    }
}

/* The magic number must stand where it belongs, whole, in an image that has room for a header. */
static void what_looks_like_a_header_elsewhere_is_none(void **state)
{
    for (unsigned at = 0; at < 32; at++) {
        struct user_image image;

        (void)machine_setup(state);
        image = machine_image(4096);
        if (at != 8) {
            memcpy((unsigned char *)(uintptr_t)image.bytes + at, "TYRNEIMG", 8);
            load_and_look(image, 4096, 4096, 4096);
        }
        (void)machine_teardown(state);
    }
    for (unsigned i = 0; i < 8; i++) {
        struct user_image image;

        (void)machine_setup(state);
        image = machine_image_with(4096, 0, 0, 0);
        ((unsigned char *)(uintptr_t)image.bytes)[8 + i] ^= 1;
        load_and_look(image, 4096, 4096, 4096);
        (void)machine_teardown(state);
    }
}

static void an_image_too_short_for_a_header_is_raw(void **state)
{
    (void)machine_setup(state);
    /* What lies behind the image's end must not make it a header. */
    load_and_look((struct user_image){machine_image_with(32, 0, 0, 0).bytes, 31}, 4096, 31, 4096);
    (void)machine_teardown(state);
}

/* The CPU finds it all, whether it walks the space already or only from now on. */
static void the_cpu_sees_what_was_loaded(void **state)
{
    for (unsigned active_before = 0; active_before < 2; active_before++) {
        struct user_image image;
        enum user_rights rights;
        struct user_layout layout;
        struct object_ref loaded;
        struct object_ref space;
        cap_handle_t handle;
        paddr_t pa;

        (void)machine_setup(state);
        image = machine_image_with(5000, 4096, 5000, 20000);
        space = machine_space(&handle);
        if (active_before != 0) {
            assert_int_equal(address_space_activate(&machine.spaces, space), STATUS_OK);
        }
        assert_int_equal(
            user_load(&machine.core, KERNEL_TABLE, handle, image, PAGE_SIZE, &loaded, &layout),
            STATUS_OK);
        if (active_before == 0) {
            assert_int_equal(address_space_activate(&machine.spaces, space), STATUS_OK);
        }
        assert_true(fake_mmu_settled());
        assert_true(fake_mmu_access(layout.image_va, &pa, &rights));
        assert_int_equal(rights, USER_READ_EXECUTE);
        assert_true(fake_mmu_access(layout.data_va, &pa, &rights));
        assert_int_equal(rights, USER_READ_WRITE);
        assert_false(fake_mmu_access(layout.data_end_va, &pa, &rights));
        assert_true(fake_mmu_access(layout.stack_va, &pa, &rights));
        address_space_deactivate(&machine.spaces);
        (void)machine_teardown(state);
    }
}

/* What lies behind the frame of a page is somebody else's. */
static void a_page_fills_its_frame_and_no_other(void **state)
{
    struct user_image image = machine_image(2 * PAGE_SIZE);
    const unsigned char *behind;
    struct object_ref loaded;
    struct user_layout layout;
    cap_handle_t handle;
    paddr_t frames[2];
    enum user_rights rights;

    (void)state;
    synced.space = machine_space(&handle);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pmm_alloc(&machine.pmm, &frames[i]), STATUS_OK);
    }
    assert_int_equal(frames[1].value, frames[0].value + PAGE_SIZE);
    assert_int_equal(pmm_free(&machine.pmm, frames[0]), STATUS_OK);
    assert_int_equal(
        user_load(&machine.core, KERNEL_TABLE, handle, image, PAGE_SIZE, &loaded, &layout),
        STATUS_OK);
    assert_int_equal(frame_at(ABI_IMAGE_BASE, &rights).value, frames[0].value);
    behind = (const unsigned char *)(uintptr_t)frames[1].value;
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        assert_int_equal(behind[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_raw_image_is_code_throughout),
        cmocka_unit_test(an_image_with_a_header_has_data_and_bss),
        cmocka_unit_test(what_looks_like_a_header_elsewhere_is_none),
        cmocka_unit_test(an_image_too_short_for_a_header_is_raw),
        cmocka_unit_test(the_cpu_sees_what_was_loaded),
        machine_test(a_page_fills_its_frame_and_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
