/* `rig-trace gate`: judge a QEMU log by a rule pack. */
#ifndef RIG_GATE_H
#define RIG_GATE_H

/* Run the command; argv[0] is "gate". Returns an enum exit_code. */
int gate_command(int argc, char **argv);

#endif
