#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static const char COVER_HELP[] =
    "usage: rig-trace cover --elf ELF [options] TRACE...\n"
    "\n"
    "cover: map coverage traces of one guest image to its functions, lines and branches.\n"
    "\n"
    "  --elf ELF            the image; its DWARF, when it has any, places the code in sources\n"
    "  --alias START:SIZE:BY\n"
    "                       a PC in [START, START + SIZE) is the link address PC + BY\n"
    "  --mmu S,S,...        off or on: the MMU after each write to SCTLR_ELx, in order of time,\n"
    "                       where the trace does not tell\n"
    "  --source-prefix DIR  put in front of relative source names\n"
    "  --map FROM=TO        source names that begin with FROM begin with TO\n"
    "  --keep PREFIX        only sources that begin so (after --map, without the prefix)\n"
    "  --never-calls NAME   branch directions that run straight into a call of NAME do not count\n"
    "  --info FILE          write lcov's tracefile\n"
    "  --json FILE          write the result as JSON\n"
    "\n"
    "exit status: 0 done; 1 an exclusion in the sources is wrong; 2 wrong usage, or image and\n"
    "             trace do not belong together; 3 could not judge: a damaged trace, or nothing of\n"
    "             the image was executed\n";

static const char ANNOTATE_HELP[] =
    "usage: rig-trace annotate --elf ELF [options] TRACE...\n"
    "\n"
    "annotate: show each instruction with what became of it.\n"
    "\n"
    "  --elf ELF, --alias START:SIZE:BY, --mmu S,S,..., --source-prefix DIR, --map FROM=TO\n"
    "                       as for cover\n"
    "  --function NAME      only this function; may be given several times\n"
    "  --asm                instructions; there is no other way yet\n"
    "\n"
    "The columns: how often it ran (#### never), what became of a conditional branch (both,\n"
    "taken, not taken, unknown), the MMU while it ran (off, on, both), address, place, "
    "instruction,\n"
    "source line.\n"
    "exit status: as cover's\n";

enum option_code {
    OPTION_ELF = 256,
    OPTION_ALIAS,
    OPTION_MMU,
    OPTION_PREFIX,
    OPTION_MAP,
    OPTION_KEEP,
    OPTION_NEVER_CALLS,
    OPTION_FUNCTION,
    OPTION_ASM,
    OPTION_INFO,
    OPTION_JSON,
    OPTION_HELP,
};

static const struct option COVER_OPTIONS[] = {
    {"elf", required_argument, NULL, OPTION_ELF},
    {"alias", required_argument, NULL, OPTION_ALIAS},
    {"mmu", required_argument, NULL, OPTION_MMU},
    {"source-prefix", required_argument, NULL, OPTION_PREFIX},
    {"map", required_argument, NULL, OPTION_MAP},
    {"keep", required_argument, NULL, OPTION_KEEP},
    {"never-calls", required_argument, NULL, OPTION_NEVER_CALLS},
    {"info", required_argument, NULL, OPTION_INFO},
    {"json", required_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static const struct option ANNOTATE_OPTIONS[] = {
    {"elf", required_argument, NULL, OPTION_ELF},
    {"alias", required_argument, NULL, OPTION_ALIAS},
    {"mmu", required_argument, NULL, OPTION_MMU},
    {"source-prefix", required_argument, NULL, OPTION_PREFIX},
    {"map", required_argument, NULL, OPTION_MAP},
    {"function", required_argument, NULL, OPTION_FUNCTION},
    {"asm", no_argument, NULL, OPTION_ASM},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static bool parse_number(const char *text, char end, uint64_t *value, const char **rest)
{
    char *stop = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &stop, 0);
    if (text[0] < '0' || text[0] > '9' || *stop != end || errno != 0) {
        return false;
    }
    *value = number;
    *rest = stop + 1;
    return true;
}

static bool take_alias(struct cover_options *options, const char *text)
{
    struct alias alias;
    const char *rest = text;
    if (!parse_number(rest, ':', &alias.start, &rest) ||
        !parse_number(rest, ':', &alias.size, &rest) ||
        !parse_number(rest, '\0', &alias.by, &rest) || alias.size == 0) {
        return false;
    }
    options->aliases[options->alias_count++] = alias;
    return true;
}

static bool take_mmu(struct cover_options *options, const char *text)
{
    free(options->mmu);
    options->mmu = memory_get(strlen(text), sizeof(options->mmu[0]));
    options->mmu_count = 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        if (length == 2 && memcmp(at, "on", 2) == 0) {
            options->mmu[options->mmu_count++] = TRACE_MMU_ON;
        } else if (length == 3 && memcmp(at, "off", 3) == 0) {
            options->mmu[options->mmu_count++] = TRACE_MMU_OFF;
        } else {
            return false;
        }
        at += length;
        if (*at == '\0') {
            return true;
        }
    }
}

static enum cover_parsed wrong(const char *command, const char *what, const char *name)
{
    fprintf(stderr, "rig-trace: %s%s (see rig-trace %s --help)\n", what, name, command);
    return COVER_WRONG;
}

/* Take one option; false with `what` when its value is wrong. */
static bool take(struct cover_options *options, int code, const char *value, const char **what)
{
    switch (code) {
    case OPTION_ELF:
        options->elf = value;
        return true;
    case OPTION_INFO:
        options->info = value;
        return true;
    case OPTION_JSON:
        options->json = value;
        return true;
    case OPTION_PREFIX:
        options->prefix = value;
        return true;
    case OPTION_KEEP:
        options->keeps[options->keep_count++] = value;
        return true;
    case OPTION_NEVER_CALLS:
        options->never_calls[options->never_call_count++] = value;
        return true;
    case OPTION_FUNCTION:
        options->functions[options->function_count++] = value;
        return true;
    case OPTION_MAP:
        *what = "--map must be FROM=TO, not ";
        options->maps[options->map_count++] = value;
        return strchr(value, '=') != NULL && value[0] != '=';
    case OPTION_ALIAS:
        *what = "--alias must be START:SIZE:BY, not ";
        return take_alias(options, value);
    case OPTION_MMU:
        *what = "--mmu must be off or on, with commas between, not ";
        return take_mmu(options, value);
    default:
        return true;
    }
}

/* Each list has room for as many values as there are words. */
static void prepare(struct cover_options *options, int argc)
{
    size_t words = (size_t)argc;
    *options = (struct cover_options){
        .aliases = memory_get(words, sizeof(options->aliases[0])),
        .maps = memory_get(words, sizeof(options->maps[0])),
        .keeps = memory_get(words, sizeof(options->keeps[0])),
        .never_calls = memory_get(words, sizeof(options->never_calls[0])),
        .functions = memory_get(words, sizeof(options->functions[0])),
    };
}

enum cover_parsed cover_options_parse(struct cover_options *options, int argc, char **argv)
{
    prepare(options, argc);
    const char *command = argv[0];
    bool annotate = strcmp(command, "annotate") == 0;
    int code;
    while ((code = getopt_long(argc, argv, "", annotate ? ANNOTATE_OPTIONS : COVER_OPTIONS,
                               NULL)) != -1) {
        const char *what = "";
        if (code == OPTION_HELP) {
            fputs(annotate ? ANNOTATE_HELP : COVER_HELP, stdout);
            return COVER_DONE;
        }
        if (code < OPTION_ELF) {
            return wrong(command, "wrong option", ""); /* getopt has said which */
        }
        if (!take(options, code, optarg, &what)) {
            return wrong(command, what, optarg);
        }
    }
    options->traces = (const char *const *)(argv + optind);
    options->trace_count = (size_t)(argc - optind);
    if (options->elf == NULL) {
        return wrong(command, "no image given: --elf ELF", "");
    }
    if (options->trace_count == 0) {
        return wrong(command, "no trace given", "");
    }
    return COVER_RUN;
}

void cover_options_free(struct cover_options *options)
{
    free(options->aliases);
    free(options->mmu);
    free((void *)options->maps);
    free((void *)options->keeps);
    free((void *)options->never_calls);
    free((void *)options->functions);
    *options = (struct cover_options){0};
}
