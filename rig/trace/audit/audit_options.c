#include "audit_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"

static const char HELP[] =
    "usage: rig-trace audit SNAPSHOT... [options]\n"
    "       rig-trace audit --flips SNAPSHOT --spec FILE [options]\n"
    "\n"
    "audit: judge the address space of each snapshot by named rules.\n"
    "\n"
    "  --spec FILE   what a pack says of the address space: names, devices, guards, waivers, the\n"
    "                expected map, the rules that judge\n"
    "  --rule ID     only this rule; may be given several times\n"
    "  --flips       change each bit of each descriptor, one at a time, and tell which changes no\n"
    "                rule reports; those must be in the spec as harmless\n"
    "  --json FILE   write the result as JSON as well\n"
    "  --quiet       no report on standard output\n"
    "\n"
    "rules:\n";

static const char HELP_END[] =
    "\n"
    "exit status: 0 no error was found; 1 errors, a waiver that covers nothing, or a change that\n"
    "             goes unseen; 2 wrong usage, no such file, a spec that is wrong; 3 could not\n"
    "             judge: a damaged snapshot, tables missing in it, the emulator's own answers\n"
    "             differ, too many tables, or nothing to judge\n"
    "environment: NO_COLOR turns colours off\n";

enum option_code {
    OPTION_HELP = 256,
    OPTION_SPEC,
    OPTION_RULE,
    OPTION_FLIPS,
    OPTION_JSON,
    OPTION_QUIET,
};

static const struct option OPTIONS[] = {
    {"spec", required_argument, NULL, OPTION_SPEC},
    {"rule", required_argument, NULL, OPTION_RULE},
    {"flips", no_argument, NULL, OPTION_FLIPS},
    {"json", required_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static void put_help(void)
{
    fputs(HELP, stdout);
    for (size_t i = 0; audit_rule_of(i) != NULL; i++) {
        printf("  %-18s  %s\n", audit_rule_of(i)->id, audit_rule_of(i)->title);
    }
    fputs(HELP_END, stdout);
}

static enum audit_parsed wrong(const char *what, const char *name)
{
    fprintf(stderr, "rig-trace: %s%s (see rig-trace audit --help)\n", what, name);
    return AUDIT_WRONG;
}

static bool take_rule(struct audit_options *options, const char *id)
{
    int index = audit_rule_index(id);

    if (index < 0) {
        return false;
    }
    options->rules |= (audit_selection)1 << index;
    return true;
}

/* Take one option; false when its value is wrong. */
static bool take(struct audit_options *options, int code, const char *value)
{
    switch (code) {
    case OPTION_SPEC:
        options->spec = value;
        return true;
    case OPTION_JSON:
        options->json = value;
        return true;
    case OPTION_QUIET:
        options->quiet = true;
        return true;
    case OPTION_FLIPS:
        options->flips = true;
        return true;
    default:
        return take_rule(options, value);
    }
}

enum audit_parsed audit_options_parse(struct audit_options *options, int argc, char **argv)
{
    int code;

    *options = (struct audit_options){.snapshots =
                                          memory_get((size_t)argc, sizeof(options->snapshots[0]))};
    while ((code = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        if (code == OPTION_HELP) {
            put_help();
            return AUDIT_DONE;
        }
        if (code < OPTION_HELP) {
            return wrong("wrong option", ""); /* getopt has said which */
        }
        if (!take(options, code, optarg)) {
            return wrong("--rule must be a rule of the audit, not ", optarg);
        }
    }
    while (optind < argc) {
        options->snapshots[options->snapshot_count++] = argv[optind++];
    }
    if (options->snapshot_count == 0) {
        return wrong("no snapshot given", "");
    }
    if (options->flips && (options->snapshot_count != 1 || options->spec == NULL)) {
        return wrong("--flips takes one snapshot, and needs --spec FILE", "");
    }
    return AUDIT_RUN;
}

void audit_options_free(struct audit_options *options)
{
    free((void *)options->snapshots);
    *options = (struct audit_options){0};
}
