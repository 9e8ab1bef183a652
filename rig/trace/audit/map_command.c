/* rig-trace map: the map of a snapshot, or what two snapshots differ in. */
#include "map_command.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "console.h"
#include "json_fields.h"
#include "map_report.h"

static const char HELP[] =
    "usage: rig-trace map SNAPSHOT [options]\n"
    "       rig-trace map --diff OLD NEW [options]\n"
    "\n"
    "map: tell in plain words what the address space of a snapshot maps, or what two differ in.\n"
    "\n"
    "  --spec FILE     names for what is mapped, written by the rig from a pack and an ELF\n"
    "  --half HALF     low or high only\n"
    "  --el N          only what this level may do anything with: 0, 1 or 2\n"
    "  --filter WHAT   w: writable, x: executable, wx: both, device, user: open to EL0\n"
    "  --diff OLD NEW  what differs between two snapshots\n"
    "  --json FILE     write the result as JSON as well\n"
    "  --quiet         no report on standard output\n"
    "\n"
    "exit status: 0 shown, or no difference; 1 the two differ; 2 wrong usage, no such file, a "
    "spec\n"
    "             that is wrong; 3 a damaged snapshot, one that cannot be walked, or too many "
    "tables\n"
    "environment: NO_COLOR turns colours off\n";

enum option_code {
    OPTION_HELP = 256,
    OPTION_SPEC,
    OPTION_HALF,
    OPTION_EL,
    OPTION_FILTER,
    OPTION_DIFF,
    OPTION_JSON,
    OPTION_QUIET,
};

static const struct option OPTIONS[] = {
    {"spec", required_argument, NULL, OPTION_SPEC},
    {"half", required_argument, NULL, OPTION_HALF},
    {"el", required_argument, NULL, OPTION_EL},
    {"filter", required_argument, NULL, OPTION_FILTER},
    {"diff", no_argument, NULL, OPTION_DIFF},
    {"json", required_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

struct options {
    const char *snapshots[2];
    size_t snapshot_count;
    const char *spec;
    const char *json;
    struct map_filter filter;
    bool diff;
    bool quiet;
};

/* A snapshot with its map. */
struct mapped {
    struct snapshot snapshot;
    struct snapshot_reader reader;
    struct space_map map;
};

static bool take_filter(struct map_filter *filter, const char *text)
{
    filter->write = strcmp(text, "w") == 0 || strcmp(text, "wx") == 0;
    filter->execute = strcmp(text, "x") == 0 || strcmp(text, "wx") == 0;
    filter->device = strcmp(text, "device") == 0;
    filter->user = strcmp(text, "user") == 0;
    return filter->write || filter->execute || filter->device || filter->user;
}

static bool take_half(struct map_filter *filter, const char *text)
{
    filter->half = strcmp(text, "low") == 0 ? 0 : 1;
    return strcmp(text, "low") == 0 || strcmp(text, "high") == 0;
}

static bool take_el(struct map_filter *filter, const char *text)
{
    filter->el = text[0] - '0';
    return strlen(text) == 1 && filter->el >= 0 && filter->el <= 2;
}

static bool take_option(struct options *options, int code)
{
    switch (code) {
    case OPTION_SPEC:
        options->spec = optarg;
        return true;
    case OPTION_HALF:
        return take_half(&options->filter, optarg);
    case OPTION_EL:
        return take_el(&options->filter, optarg);
    case OPTION_FILTER:
        return take_filter(&options->filter, optarg);
    case OPTION_DIFF:
        options->diff = true;
        return true;
    case OPTION_JSON:
        options->json = optarg;
        return true;
    case OPTION_QUIET:
        options->quiet = true;
        return true;
    default:
        return false;
    }
}

/* EXIT_HELD to go on, EXIT_BROKEN when only help was wanted, EXIT_USAGE. */
static enum exit_code parse(struct options *options, int argc, char **argv)
{
    size_t wanted;
    int code;

    *options = (struct options){.filter = {.half = -1, .el = -1}};
    opterr = 0;
    optind = 0;
    while ((code = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        if (code == OPTION_HELP) {
            fputs(HELP, stdout);
            return EXIT_BROKEN;
        }
        if (code == '?') {
            fprintf(stderr,
                    "rig-trace map: unknown option, or one without its value: %s (see "
                    "rig-trace map --help)\n",
                    argv[optind - 1]);
            return EXIT_USAGE;
        }
        if (!take_option(options, code)) {
            fprintf(stderr,
                    "rig-trace map: %s does not fit its option (see rig-trace map --help)\n",
                    optarg);
            return EXIT_USAGE;
        }
    }
    wanted = options->diff ? 2 : 1;
    if ((size_t)(argc - optind) != wanted) {
        fprintf(stderr, "rig-trace map: expected %s (see rig-trace map --help)\n",
                options->diff ? "two snapshots behind --diff" : "one snapshot");
        return EXIT_USAGE;
    }
    options->snapshot_count = wanted;
    memcpy(options->snapshots, &argv[optind], wanted * sizeof(argv[0]));
    return EXIT_HELD;
}

static enum exit_code open_map(struct mapped *mapped, const char *path,
                               const struct audit_spec *spec)
{
    char error[SNAPSHOT_ERROR_TEXT];
    int code = snapshot_read(&mapped->snapshot, path, error);
    enum rig_walk_status status;

    memset(&mapped->map, 0, sizeof(mapped->map));
    if (code != EXIT_HELD) {
        return console_say((enum exit_code)code, error);
    }
    if (!mapped->snapshot.walkable) {
        fprintf(stderr, "rig-trace: %s: %s\n", path, mapped->snapshot.not_walkable);
        return EXIT_NOT_JUDGED;
    }
    mapped->reader = (struct snapshot_reader){.snapshot = &mapped->snapshot};
    status = space_map_build(&mapped->map, &mapped->snapshot, &mapped->snapshot.regs,
                             snapshot_read_u64, &mapped->reader, spec);
    if (status != RIG_WALK_OK) {
        fprintf(stderr,
                "rig-trace: %s: the tables lead to more than %" PRIu64
                " descriptors or %zu ranges: a loop, or no map of a kernel\n",
                path, SPACE_MAP_READS, SPACE_MAP_ENTRIES);
        return EXIT_NOT_JUDGED;
    }
    if (mapped->reader.missing != 0) {
        fprintf(stderr,
                "rig-trace: %s: the snapshot lacks the table at %#" PRIx64
                ", which is in memory: it was not taken whole\n",
                path, mapped->reader.missing_pa);
        return EXIT_NOT_JUDGED;
    }
    return EXIT_HELD;
}

static void close_map(struct mapped *mapped)
{
    space_map_free(&mapped->map);
    snapshot_free(&mapped->snapshot);
}

static enum exit_code put_json(json_t *object, const char *path, enum exit_code code)
{
    char error[OUTPUT_ERROR_TEXT];

    return json_write(object, path, error) ? code : console_say(EXIT_USAGE, error);
}

/* A level that the snapshot's regime has not has no rights: asking for them is a mistake. */
static enum exit_code fit_level(const struct options *options, const struct snapshot *snapshot)
{
    bool el2 = snapshot->regs.regime == RIG_WALK_REGIME_EL2;
    int level = options->filter.el;

    if (level < 0 || (level == 2) == el2) {
        return EXIT_HELD;
    }
    fprintf(stderr, "rig-trace map: --el %d: %s is of the %s regime\n", level,
            options->snapshots[0], el2 ? "EL2" : "EL1&0");
    return EXIT_USAGE;
}

static enum exit_code show(const struct options *options, const struct audit_spec *spec)
{
    struct mapped mapped;
    enum exit_code code = open_map(&mapped, options->snapshots[0], spec);

    code = code == EXIT_HELD ? fit_level(options, &mapped.snapshot) : code;

    if (code == EXIT_HELD) {
        if (!options->quiet) {
            map_report_text(&mapped.map, &mapped.snapshot, &options->filter, stdout,
                            console_colour());
        }
        if (options->json != NULL) {
            code = put_json(map_report_json(&mapped.map, &mapped.snapshot, &options->filter),
                            options->json, code);
        }
    }
    close_map(&mapped);
    return code;
}

static enum exit_code compare(const struct options *options, const struct mapped *old_side,
                              const struct mapped *new_side)
{
    FILE *out = options->quiet ? fopen("/dev/null", "we") : stdout;
    json_t *object = json_object();
    json_t *registers = json_array();
    json_t *lines = json_array();
    enum exit_code code = EXIT_HELD;
    size_t count;

    json_put_text(object, "schema", "rig-map-diff-1");
    json_put(object, "old", json_incref(json_object_get(old_side->snapshot.header, "made")));
    json_put(object, "new", json_incref(json_object_get(new_side->snapshot.header, "made")));
    json_put(object, "registers", registers);
    json_put(object, "lines", lines);
    if (out == NULL) {
        json_decref(object);
        return console_say(EXIT_NOT_JUDGED, "/dev/null cannot be opened");
    }
    count = map_difference(&old_side->map, &old_side->snapshot, &new_side->map, &new_side->snapshot,
                           out, registers, lines);
    if (count == 0) {
        fputs("no difference\n", out);
    }
    code = count == 0 ? EXIT_HELD : EXIT_BROKEN;
    json_put_count(object, "differences", count);
    if (options->json != NULL) {
        code = put_json(object, options->json, code);
    } else {
        json_decref(object);
    }
    if (options->quiet) {
        fclose(out);
    }
    return code;
}

static enum exit_code difference(const struct options *options, const struct audit_spec *spec)
{
    struct mapped sides[2];
    enum exit_code code = open_map(&sides[0], options->snapshots[0], spec);
    enum exit_code other = open_map(&sides[1], options->snapshots[1], spec);

    code = code == EXIT_HELD ? other : code;
    if (code == EXIT_HELD && sides[0].snapshot.regs.regime != sides[1].snapshot.regs.regime) {
        code = console_say(EXIT_USAGE, "the two snapshots are of different regimes");
    }
    if (code == EXIT_HELD) {
        code = compare(options, &sides[0], &sides[1]);
    }
    close_map(&sides[0]);
    close_map(&sides[1]);
    return code;
}

int map_command(int argc, char **argv)
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
        code = options.diff ? difference(&options, &spec) : show(&options, &spec);
    }
    audit_spec_free(&spec);
    return console_flushed(code);
}
