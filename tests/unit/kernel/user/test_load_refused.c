/* What user_load() refuses: every reason, and nothing at all has changed then. */
#include "machine.h"

#include <string.h>

static struct object_ref space;
static cap_handle_t handle;

static int setup(void **state)
{
    (void)machine_setup(state);
    space = machine_space(&handle);
    return 0;
}

static status_t load_by(unsigned table, cap_handle_t name, struct user_image image, size_t stack)
{
    struct object_ref loaded = {77, 78};
    struct user_layout layout;
    struct user_layout before;
    status_t status;

    memset(&layout, 0x5A, sizeof(layout));
    before = layout;
    status = user_load(&machine.core, table, name, image, stack, &loaded, &layout);
    if (status != STATUS_OK) {
        assert_int_equal(loaded.index, 77);
        assert_int_equal(loaded.generation, 78);
        assert_memory_equal(&layout, &before, sizeof(layout));
    }
    return status;
}

static status_t load(struct user_image image, size_t stack)
{
    return load_by(KERNEL_TABLE, handle, image, stack);
}

static struct user_image page_at(paddr_t pa, size_t size)
{
    return (struct user_image){(const unsigned char *)(uintptr_t)pa.value, size};
}

static void an_empty_image_and_no_stack(void **state)
{
    struct user_image image = machine_image(100);

    (void)state;
    assert_refused(load(page_at(fake_ram_frame(0), 0), PAGE_SIZE), STATUS_BAD_ARGUMENT);
    /* Nor need its bytes be anywhere. */
    assert_refused(load(page_at((paddr_t){UINT64_MAX}, 0), PAGE_SIZE), STATUS_BAD_ARGUMENT);
    assert_refused(load(image, 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(load(image, PAGE_SIZE), STATUS_OK);
}

static void what_is_not_on_a_page_boundary(void **state)
{
    static const uint64_t off[] = {1, 8, 16, 2048, 4095};
    static const size_t stacks[] = {1, 16, 4095, 4097, PAGE_SIZE + 2048, 2 * PAGE_SIZE - 1};

    (void)state;
    (void)machine_image(3 * PAGE_SIZE);
    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        paddr_t pa = {fake_ram_frame(0).value + off[i]};

        assert_refused(load(page_at(pa, 64), PAGE_SIZE), STATUS_BAD_ALIGNMENT);
    }
    for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
        assert_refused(load(machine_image(1), stacks[i]), STATUS_BAD_ALIGNMENT);
    }
}

static void what_user_addresses_cannot_hold(void **state)
{
    /* With an image of one page and the guard, the stack starts here. */
    const uint64_t stack_start = ABI_IMAGE_BASE + 2 * PAGE_SIZE;
    struct user_image image = machine_image(64);
    const uint64_t end = 1ULL << 48;

    (void)state;
    assert_refused(load(image, end - stack_start + PAGE_SIZE), STATUS_OUT_OF_RANGE);
    /* One page less has addresses, but no frames. */
    assert_refused(load(image, end - stack_start), STATUS_OUT_OF_FRAMES);
    assert_refused(load(image, end), STATUS_OUT_OF_RANGE);
    assert_refused(load(image, 1ULL << 63), STATUS_OUT_OF_RANGE);
    assert_refused(load(image, SIZE_MAX - PAGE_SIZE + 1U), STATUS_OUT_OF_RANGE);
    assert_refused(load(page_at(fake_ram_frame(0), end), PAGE_SIZE), STATUS_OUT_OF_RANGE);
    assert_refused(load(page_at(fake_ram_frame(0), SIZE_MAX), PAGE_SIZE), STATUS_OUT_OF_RANGE);
    assert_refused(load(page_at(fake_ram_frame(0), end - ABI_IMAGE_BASE - 1), PAGE_SIZE),
                   STATUS_OUT_OF_RANGE);
    /* Such sizes are refused before anybody looks for a header, were it a wrong one. */
    image = machine_image_with(PAGE_SIZE, 1, 1, 1);
    assert_refused(load(image, end), STATUS_OUT_OF_RANGE);
    assert_refused(load(page_at(fake_ram_frame(0), end), PAGE_SIZE), STATUS_OUT_OF_RANGE);
}

/* Free or allocated: what the frame allocator can ever give out is no place for an image. */
static void an_image_in_memory_that_can_be_allocated(void **state)
{
    const paddr_t root = machine.spaces.spaces[space.index].root_pa;

    (void)state;
    (void)machine_image(IMAGE_FRAMES * (size_t)PAGE_SIZE);
    assert_int_equal(root.value, FREE_FRAME(0).value);
    assert_refused(load(page_at(root, 64), PAGE_SIZE), STATUS_OUT_OF_RANGE);
    assert_refused(load(page_at(FREE_FRAME(9), 64), PAGE_SIZE), STATUS_OUT_OF_RANGE);
    assert_refused(load(page_at(FREE_FRAME(MACHINE_FREE - 1), 64), PAGE_SIZE), STATUS_OUT_OF_RANGE);
    /* The last byte alone lies there. */
    assert_refused(load(page_at(fake_ram_frame(IMAGE_FRAMES - 1), PAGE_SIZE + 1), PAGE_SIZE),
                   STATUS_OUT_OF_RANGE);
    assert_int_equal(load(page_at(fake_ram_frame(IMAGE_FRAMES - 1), PAGE_SIZE), PAGE_SIZE),
                     STATUS_OK);
}

static void handles_that_name_no_space(void **state)
{
    struct user_image image = machine_image(64);
    cap_handle_t dropped = machine_grant(KERNEL_TABLE, CAP_KIND_ADDRESS_SPACE, space, 0);

    (void)state;
    assert_int_equal(cap_drop(&machine.core.caps, KERNEL_TABLE, dropped), STATUS_OK);
    assert_refused(load_by(KERNEL_TABLE, dropped, image, PAGE_SIZE), STATUS_INVALID_HANDLE);
    assert_refused(load_by(KERNEL_TABLE, NULL_CAP_HANDLE, image, PAGE_SIZE), STATUS_INVALID_HANDLE);
    assert_refused(load_by(KERNEL_TABLE, cap_handle_make(0, 64), image, PAGE_SIZE),
                   STATUS_INVALID_HANDLE);
    assert_refused(load_by(KERNEL_TABLE + 1, handle, image, PAGE_SIZE), STATUS_INVALID_HANDLE);
    for (unsigned kind = 1; kind < CAP_KIND_COUNT; kind++) {
        cap_handle_t other = machine_grant(KERNEL_TABLE, (enum cap_kind)kind, space, 0);

        if (kind != CAP_KIND_ADDRESS_SPACE) {
            assert_refused(load_by(KERNEL_TABLE, other, image, PAGE_SIZE), STATUS_WRONG_KIND);
        }
    }
}

static void a_space_that_is_gone(void **state)
{
    struct user_image image = machine_image(64);
    struct object_ref next;

    (void)state;
    assert_int_equal(address_space_destroy(&machine.spaces, space), STATUS_OK);
    assert_refused(load(image, PAGE_SIZE), STATUS_STALE_OBJECT);
    /* Nor does the name lead to the next one at its index. */
    assert_int_equal(address_space_create(&machine.spaces, &next), STATUS_OK);
    assert_int_equal(next.index, space.index);
    assert_refused(load(image, PAGE_SIZE), STATUS_STALE_OBJECT);
}

static void a_space_that_is_not_empty(void **state)
{
    struct user_image image = machine_image(64);
    struct flush_token token;
    paddr_t frame;

    (void)state;
    assert_int_equal(pmm_alloc(&machine.pmm, &frame), STATUS_OK);
    /* Far from where the image would go. */
    assert_int_equal(address_space_map(&machine.spaces, space, (user_va_t){1ULL << 40}, frame,
                                       USER_READ_ONLY, &token),
                     STATUS_OK);
    flush_va(&token);
    assert_refused(load(image, PAGE_SIZE), STATUS_IN_USE);
    assert_int_equal(
        address_space_unmap(&machine.spaces, space, (user_va_t){1ULL << 40}, &frame, &token),
        STATUS_OK);
    flush_va(&token);
    assert_int_equal(load(image, PAGE_SIZE), STATUS_OK);
    assert_refused(load(image, PAGE_SIZE), STATUS_IN_USE);
}

static void headers_that_contradict_themselves(void **state)
{
    static const struct {
        uint32_t size, code_end, data_end, bss_end;
    } bad[] = {
        {8192, 0, 8192, 8192},                         /* no code */
        {8192, 1, 8192, 8192},                         /* code that ends inside a page */
        {8192, 4095, 8192, 8192},                      /* */
        {8192, 4100, 8192, 8192},                      /* */
        {8192, 8192 + 4096, 8192 + 4096, 8192 + 4096}, /* more code than image */
        {8192, 0xFFFFF000, 0xFFFFFFFF, 0xFFFFFFFF},    /* */
        {8000, 8192, 8191, 9000},                      /* data that ends before it starts */
        {8192, 8192, 0, 8192},                         /* */
        {8192, 4096, 8193, 9000},                      /* more data than image */
        {5000, 4096, 5001, 9000},                      /* */
        {8192, 4096, 0xFFFFFFFF, 0xFFFFFFFF},          /* */
        {8192, 4096, 8192, 8191},                      /* bss that ends before it starts */
        {8192, 4096, 6000, 0},                         /* */
        {100, 4096, 4097, 4097}, /* data behind an image that ends in its code */
        {100, 8192, 8192, 8192}, /* */
        {4096, 0, 0, 0},         /* */
        {32, 0, 0, 0},           /* nothing behind the header */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct user_image image =
            machine_image_with(bad[i].size, bad[i].code_end, bad[i].data_end, bad[i].bss_end);

        assert_refused(load(image, PAGE_SIZE), STATUS_BAD_ARGUMENT);
    }
}

static void a_header_whose_reserved_word_is_in_use(void **state)
{
    static const unsigned char words[][4] = {{1}, {0, 1}, {0, 0, 1}, {0, 0, 0, 0x80}};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct user_image image = machine_image_with(PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, PAGE_SIZE);

        memcpy((unsigned char *)(uintptr_t)image.bytes + 8 + 20, words[i], 4);
        assert_refused(load(image, PAGE_SIZE), STATUS_BAD_ARGUMENT);
    }
}

/* A bss of nearly 4 GiB is well formed, but nobody has the frames; no sum overflows. */
static void the_largest_bss(void **state)
{
    (void)state;
    assert_refused(load(machine_image_with(4096, 4096, 4096, 0xFFFFFFFF), PAGE_SIZE),
                   STATUS_OUT_OF_FRAMES);
    assert_refused(load(machine_image_with(4096, 4096, 4096, 0xFFFFF001), PAGE_SIZE),
                   STATUS_OUT_OF_FRAMES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_image_and_no_stack),
        TEST(what_is_not_on_a_page_boundary),
        TEST(what_user_addresses_cannot_hold),
        TEST(an_image_in_memory_that_can_be_allocated),
        TEST(handles_that_name_no_space),
        TEST(a_space_that_is_gone),
        TEST(a_space_that_is_not_empty),
        TEST(headers_that_contradict_themselves),
        TEST(a_header_whose_reserved_word_is_in_use),
        TEST(the_largest_bss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
