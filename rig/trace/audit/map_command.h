/* The commands that show an address space: map and walk. */
#ifndef RIG_MAP_COMMAND_H
#define RIG_MAP_COMMAND_H

/* Run `rig-trace map ...`; argv[0] is the command's name. Returns an exit code. */
int map_command(int argc, char **argv);
/* Run `rig-trace walk ...`. */
int walk_command(int argc, char **argv);

#endif
