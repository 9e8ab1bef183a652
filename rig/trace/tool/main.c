/*
 * rig-trace: tools over what a guest's run left behind. Each command is a room of its own.
 */
#include <stdio.h>
#include <string.h>

#include "audit_command.h"
#include "cover.h"
#include "events.h"
#include "exit_code.h"
#include "gate.h"
#include "map_command.h"
#include "order_command.h"

static const char HELP[] =
    "usage: rig-trace COMMAND ...\n"
    "       rig-trace COMMAND --help\n"
    "       rig-trace --help | --version\n"
    "\n"
    "commands:\n"
    "  gate      judge a QEMU log of -d int,unimp,guest_errors by a rule pack\n"
    "  cover     map coverage traces of a guest image to functions, lines and branches\n"
    "  annotate  show each instruction of an image with what became of it\n"
    "  events    list an event trace\n"
    "  stats     count what an event trace holds, and say what it lacks\n"
    "  timeline  tell in order what the guest of an event trace did\n"
    "  order     judge an event trace by the architecture's ordering rules\n"
    "  operands  list the instructions whose operands a second run has to read\n"
    "  map       tell what the address space of a snapshot maps, or what two differ in\n"
    "  walk      tell how addresses of a snapshot are translated, level by level\n"
    "  audit     judge the address space of snapshots by named rules\n"
    "\n"
    "exit status: 0 all held; 1 a rule was broken; 2 wrong usage or an input that cannot be\n"
    "             used; 3 could not judge\n";

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct command COMMANDS[] = {
    {"gate", gate_command},     {"cover", cover_command},       {"annotate", annotate_command},
    {"events", events_command}, {"stats", stats_command},       {"timeline", timeline_command},
    {"order", order_command},   {"operands", operands_command}, {"map", map_command},
    {"walk", walk_command},     {"audit", audit_command},
};

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("rig-trace: no command given (see rig-trace --help)\n", stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(HELP, stdout);
        return EXIT_HELD;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("rig-trace " RIG_TRACE_VERSION);
        return EXIT_HELD;
    }
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
        if (strcmp(argv[1], COMMANDS[i].name) == 0) {
            return COMMANDS[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "rig-trace: unknown command %s (see rig-trace --help)\n", argv[1]);
    return EXIT_USAGE;
}
