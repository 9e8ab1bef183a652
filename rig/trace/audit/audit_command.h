/* The command `rig-trace audit`. */
#ifndef RIG_AUDIT_COMMAND_H
#define RIG_AUDIT_COMMAND_H

/* argv[0] is "audit"; returns an enum exit_code. */
int audit_command(int argc, char **argv);

#endif
