/* The map of a space that a test built. */
#ifndef TYRNE_TEST_MAP_CASE_H
#define TYRNE_TEST_MAP_CASE_H

#include "space_build.h"
#include "space_map.h"

/* Asserts that no table was missing. */
enum rig_walk_status map_case_build(struct space *space, struct space_map *map);
/* The map of the space, which has an end; the test frees it. */
struct space_map map_of(struct space *space);

#endif
