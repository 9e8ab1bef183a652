/* `rig-trace order`: judge an event trace by the ordering rules. */
#ifndef RIG_ORDER_COMMAND_H
#define RIG_ORDER_COMMAND_H

/* Run the command; argv[0] is "order". Returns an enum exit_code. */
int order_command(int argc, char **argv);

#endif
