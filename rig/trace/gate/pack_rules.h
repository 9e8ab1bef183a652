/* The `faults` section of a rule pack; part of pack.c, see pack.h for its form. */
#ifndef RIG_GATE_PACK_RULES_H
#define RIG_GATE_PACK_RULES_H

#include "pack.h"
#include "yaml_read.h"

/* Parse the section into the pack. Errors are noted in the reader. */
void pack_parse_faults(struct pack *pack, struct yaml_reader *reader, const yaml_node_t *faults,
                       const char *variant);

#endif
