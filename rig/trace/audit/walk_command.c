/* rig-trace walk: addresses of a snapshot, level by level. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "json_fields.h"
#include "map_command.h"
#include "walk_report.h"

static const char HELP[] =
    "usage: rig-trace walk SNAPSHOT ADDRESS... [options]\n"
    "\n"
    "walk: tell how each virtual address is translated: every level, what its descriptor says, "
    "the\n"
    "rights that are left, and what took the others away.\n"
    "\n"
    "  --spec FILE   names for what is mapped, written by the rig from a pack and an ELF\n"
    "  --json FILE   write the result as JSON as well\n"
    "\n"
    "exit status: 0 told, also when the address faults; 2 wrong usage, no such file, a spec that "
    "is\n"
    "             wrong; 3 a damaged snapshot, one that cannot be walked, or a table it lacks\n";

enum option_code { OPTION_HELP = 256, OPTION_SPEC, OPTION_JSON };

static const struct option OPTIONS[] = {
    {"spec", required_argument, NULL, OPTION_SPEC},
    {"json", required_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

struct options {
    const char *spec;
    const char *json;
};

/* EXIT_HELD to go on, EXIT_BROKEN when only help was wanted, EXIT_USAGE. */
static enum exit_code parse(struct options *options, int argc, char **argv)
{
    int code;

    *options = (struct options){0};
    opterr = 0;
    optind = 0;
    while ((code = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (code) {
        case OPTION_HELP:
            fputs(HELP, stdout);
            return EXIT_BROKEN;
        case OPTION_SPEC:
            options->spec = optarg;
            break;
        case OPTION_JSON:
            options->json = optarg;
            break;
        default:
            fprintf(stderr,
                    "rig-trace walk: unknown option, or one without its value: %s (see "
                    "rig-trace walk --help)\n",
                    argv[optind - 1]);
            return EXIT_USAGE;
        }
    }
    if (argc - optind < 2) {
        fputs("rig-trace walk: expected a snapshot and an address (see rig-trace walk --help)\n",
              stderr);
        return EXIT_USAGE;
    }
    return EXIT_HELD;
}

static bool take_address(const char *text, uint64_t *va)
{
    char *end;

    errno = 0;
    *va = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static enum exit_code walk_all(const struct snapshot *snapshot, const struct audit_spec *spec,
                               char **addresses, json_t *walks)
{
    for (; *addresses != NULL; addresses++) {
        struct snapshot_reader reader = {.snapshot = snapshot};
        struct rig_walk_result result;
        uint64_t va;

        if (!take_address(*addresses, &va)) {
            fprintf(stderr, "rig-trace walk: %s: expected an address such as 0x40080000\n",
                    *addresses);
            return EXIT_USAGE;
        }
        (void)rig_walk(&snapshot->regs, snapshot_read_u64, &reader, va, &result);
        if (reader.missing != 0) {
            fprintf(stderr,
                    "rig-trace: the snapshot lacks the table at %#" PRIx64
                    ", which is in memory: it was not taken whole\n",
                    reader.missing_pa);
            return EXIT_NOT_JUDGED;
        }
        walk_report_text(snapshot, spec, &result, stdout);
        json_array_append_new(walks, walk_report_json(snapshot, spec, &result));
    }
    return EXIT_HELD;
}

static enum exit_code walk(const struct options *options, const struct audit_spec *spec,
                           char **words)
{
    char error[SNAPSHOT_ERROR_TEXT];
    struct snapshot snapshot;
    json_t *object = json_object();
    json_t *walks = json_array();
    enum exit_code code = (enum exit_code)snapshot_read(&snapshot, words[0], error);

    json_put_text(object, "schema", "rig-walk-1");
    json_put(object, "walks", walks);
    if (code != EXIT_HELD) {
        (void)console_say(code, error);
    } else if (!snapshot.walkable) {
        code = console_say(EXIT_NOT_JUDGED, snapshot.not_walkable);
    } else {
        code = walk_all(&snapshot, spec, words + 1, walks);
    }
    if (code == EXIT_HELD && options->json != NULL) {
        code = json_write(object, options->json, error) ? code : console_say(EXIT_USAGE, error);
    } else {
        json_decref(object);
    }
    snapshot_free(&snapshot);
    return code;
}

int walk_command(int argc, char **argv)
{
    char error[AUDIT_SPEC_ERROR_TEXT];
    struct audit_spec spec = {0};
    struct options options;
    enum exit_code code = parse(&options, argc, argv);

    if (code != EXIT_HELD) {
        return code == EXIT_BROKEN ? EXIT_HELD : EXIT_USAGE;
    }
    if (options.spec != NULL) {
        code = (enum exit_code)audit_spec_read(&spec, options.spec, error);
        code = code == EXIT_HELD ? code : console_say(code, error);
    }
    if (code == EXIT_HELD) {
        code = walk(&options, &spec, argv + optind);
    }
    audit_spec_free(&spec);
    return console_flushed(code);
}
