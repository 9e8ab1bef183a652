#include "mapping.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static void id_text(const struct trace *trace, char text[static IMAGE_ID_TEXT])
{
    text[0] = '\0';
    for (uint32_t i = 0; i < trace->image_id_size; i++) {
        snprintf(text + 2 * (size_t)i, 3, "%02x", trace->image_id[i]);
    }
}

/* Whether the trace, when it tells what ran, tells of this image. */
static bool same_image(const struct mapping *mapping, const struct trace *trace, const char *path)
{
    char id[IMAGE_ID_TEXT];
    id_text(trace, id);
    if (id[0] == '\0' || strcmp(id, mapping->image.build_id) == 0) {
        return true;
    }
    fprintf(stderr, "rig-trace: %s: the trace is of image %s, the ELF file is %s\n", path, id,
            mapping->image.build_id[0] == '\0' ? "without a build-id" : mapping->image.build_id);
    return false;
}

static enum exit_code read_traces(struct mapping *mapping, const struct cover_options *options)
{
    char error[TRACE_ERROR_TEXT];
    mapping->traces = memory_get(options->trace_count, sizeof(mapping->traces[0]));
    for (size_t i = 0; i < options->trace_count; i++) {
        struct trace *trace = &mapping->traces[i];
        if (!trace_open(trace, options->traces[i], error)) {
            fprintf(stderr, "rig-trace: %s: %s\n", options->traces[i], error);
            return EXIT_NOT_JUDGED;
        }
        mapping->trace_count++;
        if (!same_image(mapping, trace, options->traces[i])) {
            return EXIT_USAGE;
        }
        if (trace->torn_bytes > 0) {
            fprintf(stderr, "rig-trace: %s: torn tail: %" PRIu64 " bytes dropped\n",
                    options->traces[i], trace->torn_bytes);
        }
        if ((trace->flags & TRACE_FULL) != 0) {
            fprintf(stderr, "rig-trace: %s: its size limit was met: later blocks are missing\n",
                    options->traces[i]);
        }
        if ((trace->flags & TRACE_EPOCHS_CUT) != 0) {
            fprintf(stderr,
                    "rig-trace: %s: SCTLR was written more often than there was room for: "
                    "the MMU's state is not known at the end\n",
                    options->traces[i]);
        }
        counts_add(&mapping->counts, &mapping->image, trace, &mapping->rules);
    }
    counts_finish(&mapping->counts);
    return EXIT_HELD;
}

static bool anything_ran(const struct mapping *mapping)
{
    for (size_t word = 0; word < mapping->image.words; word++) {
        if (counts_ran(&mapping->counts, word) > 0) {
            return true;
        }
    }
    return false;
}

static void say_nothing_ran(const struct mapping *mapping)
{
    const struct counts *counts = &mapping->counts;
    fprintf(
        stderr,
        "rig-trace: nothing was executed of this image: %zu instructions lie outside of it, %zu "
        "differ from the file\n",
        counts->outside.count, counts->differs.count);
    if (counts->outside.count > 0) {
        fprintf(stderr, "rig-trace: the first is at 0x%" PRIx64 ": does the image need --alias?\n",
                counts->outside.items[0].address);
    }
}

static enum exit_code read_code(struct mapping *mapping)
{
    struct discarded discarded = {0};
    if (mapping->image.dwarf != NULL) {
        discarded = discarded_find(&mapping->image);
        lines_read(&mapping->lines, &mapping->image, &discarded, &mapping->sources);
    }
    functions_read(&mapping->functions, &mapping->image, &discarded, &mapping->sources,
                   &mapping->lines, &mapping->counts);
    uint32_t *renumbered = sources_sort(&mapping->sources);
    lines_renumber(&mapping->lines, renumbered);
    functions_merge(&mapping->functions, renumbered);
    free(renumbered);
    if (!branches_read(&mapping->branches, &mapping->image, &mapping->lines)) {
        fputs("rig-trace: Capstone cannot decode AArch64 here\n", stderr);
        return EXIT_NOT_JUDGED;
    }
    return EXIT_HELD;
}

enum exit_code mapping_make(struct mapping *mapping, const struct cover_options *options)
{
    char error[IMAGE_ERROR_TEXT];
    const struct source_rules rules = {
        .prefix = options->prefix,
        .maps = options->maps,
        .map_count = options->map_count,
        .keeps = options->keeps,
        .keep_count = options->keep_count,
    };
    *mapping = (struct mapping){
        .image = {.fd = -1},
        .rules = {.aliases = options->aliases,
                  .alias_count = options->alias_count,
                  .mmu = options->mmu,
                  .mmu_count = options->mmu_count},
    };
    sources_init(&mapping->sources, &rules);
    if (!image_open(&mapping->image, options->elf, error)) {
        fprintf(stderr, "rig-trace: %s\n", error);
        return EXIT_USAGE;
    }
    counts_init(&mapping->counts, &mapping->image);
    enum exit_code code = read_traces(mapping, options);
    if (code != EXIT_HELD) {
        return code;
    }
    if (!anything_ran(mapping)) {
        say_nothing_ran(mapping);
        return EXIT_NOT_JUDGED;
    }
    return read_code(mapping);
}

void mapping_free(struct mapping *mapping)
{
    for (size_t i = 0; i < mapping->trace_count; i++) {
        trace_close(&mapping->traces[i]);
    }
    free(mapping->traces);
    branches_free(&mapping->branches);
    functions_free(&mapping->functions);
    lines_free(&mapping->lines);
    sources_free(&mapping->sources);
    counts_free(&mapping->counts);
    image_close(&mapping->image);
}

int mapping_command(int argc, char **argv,
                    enum exit_code (*work)(const struct mapping *mapping,
                                           const struct cover_options *options))
{
    struct cover_options options;
    struct mapping mapping;
    enum cover_parsed parsed = cover_options_parse(&options, argc, argv);
    enum exit_code code = parsed == COVER_DONE ? EXIT_HELD : EXIT_USAGE;
    if (parsed == COVER_RUN) {
        code = mapping_make(&mapping, &options);
        if (code == EXIT_HELD) {
            code = work(&mapping, &options);
        }
        mapping_free(&mapping);
    }
    cover_options_free(&options);
    return (int)code;
}
