#include "cap_fixture.h"

struct cap_space space;
static struct cap_space snapshot;

int space_setup(void **state)
{
    (void)state;
    memset(&space, 0, sizeof(space));
    cap_space_init(&space);
    return 0;
}

int space_teardown(void **state)
{
    (void)state;
    return cap_check_invariants(&space) ? 0 : -1;
}

void space_snapshot(void)
{
    memcpy(&snapshot, &space, sizeof(space));
}

void assert_space_untouched(void)
{
    assert_memory_equal(&space, &snapshot, sizeof(space));
}

struct capability some_cap(uint8_t rights)
{
    return (struct capability){
        .object = {.index = 3, .generation = 7}, .kind = CAP_KIND_ENDPOINT, .rights = rights};
}

cap_handle_t root_in(unsigned table, uint8_t rights)
{
    cap_handle_t handle = UNTOUCHED;

    assert_int_equal(cap_insert_root(&space, table, some_cap(rights), &handle), STATUS_OK);
    assert_true(names(table, handle));
    return handle;
}

cap_handle_t child_of(unsigned table, cap_handle_t handle, unsigned to)
{
    cap_handle_t child = UNTOUCHED;

    assert_int_equal(cap_derive(&space, table, handle, rights_of(table, handle), to, &child),
                     STATUS_OK);
    assert_true(names(to, child));
    return child;
}

cap_handle_t copy_of(unsigned table, cap_handle_t handle, unsigned to)
{
    cap_handle_t copy = UNTOUCHED;

    assert_int_equal(cap_copy(&space, table, handle, rights_of(table, handle), to, &copy),
                     STATUS_OK);
    assert_true(names(to, copy));
    return copy;
}

void revoke(unsigned table, cap_handle_t handle)
{
    assert_int_equal(cap_revoke(&space, table, handle), STATUS_OK);
    assert_true(cap_check_invariants(&space));
}

void drop(unsigned table, cap_handle_t handle)
{
    assert_int_equal(cap_drop(&space, table, handle), STATUS_OK);
    assert_true(cap_check_invariants(&space));
}

void park(unsigned table, cap_handle_t handle, unsigned endpoint)
{
    assert_int_equal(cap_park(&space, table, handle, endpoint), STATUS_OK);
    assert_true(cap_is_parked(&space, endpoint));
    assert_true(cap_check_invariants(&space));
}

cap_handle_t unpark(unsigned endpoint, unsigned table)
{
    cap_handle_t handle = UNTOUCHED;

    assert_int_equal(cap_unpark(&space, endpoint, table, &handle), STATUS_OK);
    assert_false(cap_is_parked(&space, endpoint));
    assert_true(cap_check_invariants(&space));
    return handle;
}

void park_child_of(unsigned table, cap_handle_t handle, unsigned endpoint)
{
    park(table, child_of(table, handle, table), endpoint);
}

unsigned fill_table(unsigned table)
{
    unsigned count = 0;

    while (cap_table_has_room(&space, table)) {
        (void)root_in(table, CAP_RIGHTS_ALL);
        count++;
    }
    return count;
}

bool names(unsigned table, cap_handle_t handle)
{
    struct capability cap;

    return cap_lookup(&space, table, handle, &cap) == STATUS_OK;
}

uint8_t rights_of(unsigned table, cap_handle_t handle)
{
    struct capability cap;

    assert_int_equal(cap_lookup(&space, table, handle, &cap), STATUS_OK);
    return cap.rights;
}

struct cap_slot *slot_of(unsigned table, cap_handle_t handle)
{
    assert_true(names(table, handle));
    return &space.slots[table * CAP_TABLE_SLOTS + cap_handle_index(handle)];
}

struct cap_slot *parked_slot(unsigned endpoint)
{
    return &space.slots[CAP_TABLE_PARKED * CAP_TABLE_SLOTS + endpoint];
}

unsigned used_slots(void)
{
    unsigned used = 0;

    for (unsigned i = 0; i < CAP_SLOTS; i++) {
        used += space.slots[i].cap.kind != CAP_KIND_NONE;
    }
    return used;
}
