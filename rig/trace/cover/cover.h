/* `rig-trace cover` and `rig-trace annotate`: what a guest executed of its image. */
#ifndef RIG_COVER_H
#define RIG_COVER_H

/* Run the command; argv[0] is its name. Returns an enum exit_code. */
int cover_command(int argc, char **argv);
int annotate_command(int argc, char **argv);

#endif
