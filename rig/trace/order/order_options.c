#include "order_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "memory.h"

static const char HELP[] =
    "usage: rig-trace order TRACE [options]\n"
    "\n"
    "order: judge an event trace by the architecture's ordering rules: barriers, maintenance and\n"
    "context synchronization between what changes state and what depends on it.\n"
    "\n"
    "  --elf ELF         the guest's image: symbols, source lines, its code\n"
    "  --alias LOW:SIZE:BY\n"
    "                    an address in [LOW, LOW + SIZE) is the link address + BY; may be given\n"
    "                    several times\n"
    "  --rule ID         only this rule; may be given several times\n"
    "  --waive RULE@SYMBOL=WHY\n"
    "                    accept the rule's findings of which one end lies in this function; a\n"
    "                    waiver that covers nothing is an error\n"
    "  --feature NAME    the CPU has it: ets2, bbm1, bbm2, exs, idc or dic; or lacks it: no-vhe;\n"
    "                    may be given several times\n"
    "  --id NAME=HEX     value of ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1 or ID_AA64MMFR2_EL1, which\n"
    "                    tell how tables are walked (features are taken from --feature only)\n"
    "  --json FILE       write the result as JSON as well\n"
    "  --quiet           no report on standard output\n"
    "\n"
    "rules:\n";

static const char HELP_END[] =
    "\n"
    "exit status: 0 no error was found; 1 errors, or a waiver that covers nothing; 2 wrong usage,\n"
    "             or an image that cannot be used or is not the one that ran; 3 could not judge:\n"
    "             a damaged, torn or full trace, operands lost, a rule that could not be judged,\n"
    "             or nothing to judge\n"
    "environment: NO_COLOR turns colours off\n";

enum option_code {
    OPTION_HELP = 256,
    OPTION_ELF,
    OPTION_ALIAS,
    OPTION_RULE,
    OPTION_WAIVE,
    OPTION_FEATURE,
    OPTION_ID,
    OPTION_JSON,
    OPTION_QUIET,
};

static const struct option OPTIONS[] = {
    {"elf", required_argument, NULL, OPTION_ELF},
    {"alias", required_argument, NULL, OPTION_ALIAS},
    {"rule", required_argument, NULL, OPTION_RULE},
    {"waive", required_argument, NULL, OPTION_WAIVE},
    {"feature", required_argument, NULL, OPTION_FEATURE},
    {"id", required_argument, NULL, OPTION_ID},
    {"json", required_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static void put_help(void)
{
    fputs(HELP, stdout);
    for (const struct order_rule_info *rule = order_rules(); rule->id != NULL; rule++) {
        printf("  %-22s  %s\n", rule->id, rule->title);
    }
    fputs(HELP_END, stdout);
}

static bool known_rule(const char *id, size_t length)
{
    for (const struct order_rule_info *rule = order_rules(); rule->id != NULL; rule++) {
        if (strlen(rule->id) == length && memcmp(rule->id, id, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_feature(struct order_features *features, const char *name)
{
    if (strcmp(name, "ets2") == 0) {
        features->ets2 = true;
    } else if (strcmp(name, "bbm1") == 0) {
        features->bbm = features->bbm < 1 ? 1 : features->bbm;
    } else if (strcmp(name, "bbm2") == 0) {
        features->bbm = 2;
    } else if (strcmp(name, "exs") == 0) {
        features->exs = true;
    } else if (strcmp(name, "idc") == 0) {
        features->idc = true;
    } else if (strcmp(name, "dic") == 0) {
        features->dic = true;
    } else if (strcmp(name, "no-vhe") == 0) {
        features->no_vhe = true;
    } else {
        return false;
    }
    return true;
}

/* What the walker needs to know; which of the features a CPU has is told by --feature, so that a
 * kernel can be judged for another CPU than the one that ran. */
static uint64_t *id_register(struct order_features *features, const char *name, size_t length)
{
    const struct {
        const char *name;
        uint64_t *value;
    } registers[] = {
        {"ID_AA64MMFR0_EL1", &features->id_aa64mmfr0},
        {"ID_AA64MMFR1_EL1", &features->id_aa64mmfr1},
        {"ID_AA64MMFR2_EL1", &features->id_aa64mmfr2},
    };
    for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        if (strlen(registers[i].name) == length &&
            strncasecmp(registers[i].name, name, length) == 0) {
            return registers[i].value;
        }
    }
    return NULL;
}

static bool take_id(struct order_features *features, const char *text)
{
    const char *equals = strchr(text, '=');
    char *stop = NULL;
    if (equals == NULL || !isxdigit((unsigned char)equals[1])) {
        return false;
    }
    uint64_t *value = id_register(features, text, (size_t)(equals - text));
    errno = 0;
    unsigned long long number = strtoull(equals + 1, &stop, 16);
    if (value == NULL || *stop != '\0' || errno != 0) {
        return false;
    }
    *value = number;
    return true;
}

static bool take_waiver(struct order_options *options, const char *text)
{
    return known_rule(text, strcspn(text, "@")) && waivers_take(&options->waivers, text);
}

/* Take one option; false with `what` when its value is wrong. */
static bool take(struct order_options *options, int code, const char *value, const char **what)
{
    switch (code) {
    case OPTION_ELF:
        options->input.elf = value;
        return true;
    case OPTION_JSON:
        options->json = value;
        return true;
    case OPTION_QUIET:
        options->quiet = true;
        return true;
    case OPTION_ALIAS:
        *what = "--alias must be LOW:SIZE:BY, not ";
        return aliases_take(&options->input.aliases, value);
    case OPTION_RULE:
        *what = "--rule must be an ordering rule, not ";
        options->rules[options->rule_count++] = value;
        return known_rule(value, strlen(value));
    case OPTION_WAIVE:
        *what = "--waive must be RULE@SYMBOL=WHY with an ordering rule, not ";
        return take_waiver(options, value);
    case OPTION_FEATURE:
        *what = "--feature must be ets2, bbm1, bbm2, exs, idc, dic or no-vhe, not ";
        return take_feature(&options->features, value);
    case OPTION_ID:
        *what = "--id must be NAME=HEX with ID_AA64MMFR0_EL1, 1 or 2, not ";
        return take_id(&options->features, value);
    default:
        return true;
    }
}

static enum order_parsed wrong(const char *what, const char *name)
{
    fprintf(stderr, "rig-trace: %s%s (see rig-trace order --help)\n", what, name);
    return ORDER_WRONG;
}

/* Each list has room for as many values as there are words. */
static void prepare(struct order_options *options, int argc)
{
    size_t words = (size_t)argc;
    *options = (struct order_options){
        .input.aliases.items = memory_get(words, sizeof(options->input.aliases.items[0])),
        .rules = memory_get(words + 1, sizeof(options->rules[0])),
        .waivers.items = memory_get(words, sizeof(options->waivers.items[0])),
    };
}

enum order_parsed order_options_parse(struct order_options *options, int argc, char **argv)
{
    prepare(options, argc);
    int code;
    while ((code = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        const char *what = "";
        if (code == OPTION_HELP) {
            put_help();
            return ORDER_DONE;
        }
        if (code < OPTION_HELP) {
            return wrong("wrong option", ""); /* getopt has said which */
        }
        if (!take(options, code, optarg, &what)) {
            return wrong(what, optarg);
        }
    }
    if (optind == argc) {
        return wrong("no trace given", "");
    }
    if (optind + 1 < argc) {
        return wrong("one trace at a time, unexpected argument ", argv[optind + 1]);
    }
    options->input.trace = argv[optind];
    if (options->waivers.count > 0 && options->input.elf == NULL) {
        return wrong("--waive names a function; give the image with --elf ELF", "");
    }
    return ORDER_RUN;
}

void order_options_free(struct order_options *options)
{
    free(options->input.aliases.items);
    free((void *)options->rules);
    waivers_free(&options->waivers);
    *options = (struct order_options){0};
}
