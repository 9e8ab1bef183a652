/*
 * `rig-trace events`, `stats`, `timeline` and `operands`: an event trace for people and programs.
 * Each runs its command, argv[0] its name, and returns an enum exit_code.
 */
#ifndef RIG_EVENTS_EVENTS_H
#define RIG_EVENTS_EVENTS_H

int events_command(int argc, char **argv);
int stats_command(int argc, char **argv);
int timeline_command(int argc, char **argv);
int operands_command(int argc, char **argv);

#endif
