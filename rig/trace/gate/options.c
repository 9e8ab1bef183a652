#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "sites.h"

static const char HELP[] =
    "usage: rig-trace gate LOG --rules PACK [options]\n"
    "\n"
    "gate: judge a QEMU log of -d int,unimp,guest_errors (AArch64, QEMU 7.2 and later)\n"
    "by the faults section of a rule pack. Each line of the log is accounted for.\n"
    "\n"
    "  --rules PACK     the rule pack (YAML): what may come, how often, and why\n"
    "  --elf FILE       the guest's image: symbols and source lines for ELR and FAR\n"
    "  --variant NAME   also apply the rules that are for this variant of the run\n"
    "  --baseline LOG   report only what an earlier log does not hold; budgets are not judged\n"
    "  --json FILE      write the result as JSON as well\n"
    "  --max-sites N    distinct sites told apart, 1 to 1048576 (default 4096); what is beyond\n"
    "                   is counted by class and level\n"
    "\n"
    "exit status: 0 all rules held; 1 a rule was broken; 2 wrong usage or a wrong pack;\n"
    "             3 could not judge: log missing, damaged or cut off, or an open question\n"
    "environment: NO_COLOR turns colours off\n";

enum option_code {
    OPTION_RULES = 256,
    OPTION_ELF,
    OPTION_VARIANT,
    OPTION_JSON,
    OPTION_BASELINE,
    OPTION_MAX_SITES,
    OPTION_HELP,
};

static const struct option OPTIONS[] = {
    {"rules", required_argument, NULL, OPTION_RULES},
    {"elf", required_argument, NULL, OPTION_ELF},
    {"variant", required_argument, NULL, OPTION_VARIANT},
    {"json", required_argument, NULL, OPTION_JSON},
    {"baseline", required_argument, NULL, OPTION_BASELINE},
    {"max-sites", required_argument, NULL, OPTION_MAX_SITES},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static enum parsed wrong(const char *what, const char *name)
{
    fprintf(stderr, "rig-trace: %s%s (see rig-trace gate --help)\n", what, name);
    return PARSED_WRONG;
}

static bool parse_max_sites(const char *text, uint32_t *value)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < 1 ||
        number > LARGEST_MAX_SITES) {
        return false;
    }
    *value = (uint32_t)number;
    return true;
}

enum parsed options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.max_sites = DEFAULT_MAX_SITES};
    int code;
    while ((code = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (code) {
        case OPTION_RULES:
            options->rules = optarg;
            break;
        case OPTION_ELF:
            options->elf = optarg;
            break;
        case OPTION_VARIANT:
            options->variant = optarg;
            break;
        case OPTION_JSON:
            options->json = optarg;
            break;
        case OPTION_BASELINE:
            options->baseline = optarg;
            break;
        case OPTION_MAX_SITES:
            if (!parse_max_sites(optarg, &options->max_sites)) {
                return wrong("--max-sites must be 1 to 1048576, not ", optarg);
            }
            break;
        case OPTION_HELP:
            fputs(HELP, stdout);
            return PARSED_DONE;
        default:
            return wrong("wrong option", ""); /* getopt has said which */
        }
    }
    if (optind == argc) {
        return wrong("no log given", "");
    }
    options->log = argv[optind];
    if (optind + 1 < argc) {
        return wrong("one log at a time, unexpected argument ", argv[optind + 1]);
    }
    return options->rules == NULL ? wrong("no rule pack given: --rules PACK", "") : PARSED_GATE;
}
