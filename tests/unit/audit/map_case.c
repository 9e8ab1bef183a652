#include "map_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum rig_walk_status map_case_build(struct space *space, struct space_map *map)
{
    struct snapshot_reader reader = {.snapshot = &space->item.snapshot};
    enum rig_walk_status status =
        space_map_build(map, &space->item.snapshot, &space->item.snapshot.regs, snapshot_read_u64,
                        &reader, &space->spec);

    assert_int_equal(reader.missing, 0);
    return status;
}

struct space_map map_of(struct space *space)
{
    struct space_map map;

    assert_int_equal(map_case_build(space, &map), RIG_WALK_OK);
    return map;
}
