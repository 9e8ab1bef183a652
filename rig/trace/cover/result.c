#include "result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

enum point_kind { POINT_STATEMENT, POINT_BRANCH, POINT_FUNCTION };

/* Something that makes a line one that can be covered. */
struct point {
    uint32_t file;
    uint32_t line;
    uint64_t address;
    uint64_t count;
    enum point_kind kind;
};

struct points {
    struct point *items;
    size_t count;
    size_t room;
};

static void add_point(struct points *points, const struct point *point)
{
    points->items =
        memory_grow(points->items, points->count, &points->room, sizeof(points->items[0]));
    points->items[points->count++] = *point;
}

static void exclude(struct result *result, const struct excluded *excluded, const char *reason)
{
    result->excluded = memory_grow(result->excluded, result->excluded_count, &result->excluded_room,
                                   sizeof(result->excluded[0]));
    struct excluded *item = &result->excluded[result->excluded_count++];
    *item = *excluded;
    item->reason = memory_text(reason);
}

static void read_markers(struct result *result)
{
    const struct sources *sources = result->sources;
    result->markers = memory_get(sources->count, sizeof(result->markers[0]));
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->files[i].kept) {
            markers_read(&result->markers[i], sources->files[i].shown);
        }
    }
}

static void add_functions(struct result *result, const struct functions *functions,
                          struct points *points)
{
    result->functions = memory_get(functions->count, sizeof(result->functions[0]));
    for (size_t i = 0; i < functions->count; i++) {
        const struct function *function = &functions->items[i];
        bool placed = function->file != SOURCE_NONE && function->line != 0;
        if (!sources_kept(result->sources, function->file)) {
            continue;
        }
        const char *reason =
            placed ? markers_reason(&result->markers[function->file], function->line, false) : NULL;
        if (reason != NULL) {
            const struct excluded excluded = {.kind = EXCLUDED_FUNCTION,
                                              .file = function->file,
                                              .line = function->line,
                                              .function = function->name,
                                              .count = function->count};
            exclude(result, &excluded, reason);
            continue;
        }
        result->functions[result->function_count++] = *function;
        if (placed) {
            const struct point point = {.file = function->file,
                                        .line = function->line,
                                        .count = function->count,
                                        .kind = POINT_FUNCTION};
            add_point(points, &point);
        }
    }
}

static void add_direction(struct result *result, const struct result_inputs *inputs,
                          const struct branch *branch, uint32_t taken)
{
    const struct markers *markers = &result->markers[branch->file];
    const struct direction direction = {
        .file = branch->file,
        .line = branch->line,
        .block = branch->block,
        .taken = taken,
        .count = inputs->counts
                     ->edges[taken != 0 ? TRACE_SLOT_TAKEN : TRACE_SLOT_NOT_TAKEN][branch->word],
        .executed = counts_ran(inputs->counts, branch->word) > 0,
        .function = branch->function,
        .address = branch->address,
    };
    const char *marked = markers_reason(markers, branch->line, true);
    const char *never =
        marked != NULL
            ? NULL
            : branches_runs_into(inputs->image, taken != 0 ? branch->target : branch->address + 4,
                                 inputs->never_calls, inputs->never_call_count);
    if (marked == NULL && never == NULL) {
        result->directions[result->direction_count++] = direction;
        return;
    }
    char reason[256];
    snprintf(reason, sizeof(reason), "runs into %.200s, which never is called",
             never == NULL ? "" : never);
    const struct excluded excluded = {.kind = EXCLUDED_BRANCH,
                                      .file = branch->file,
                                      .line = branch->line,
                                      .function = branch->function,
                                      .taken = taken,
                                      .count = direction.count};
    exclude(result, &excluded, marked == NULL ? reason : marked);
}

/* How often the branch ran and its outcome is not known. The trace's own count holds more: blocks
 * that an exception cut before they came to their branch. */
static uint64_t unknown_outcomes(const struct counts *counts, size_t word)
{
    const uint64_t ran = counts_ran(counts, word);
    const uint64_t known =
        counts->edges[TRACE_SLOT_NOT_TAKEN][word] + counts->edges[TRACE_SLOT_TAKEN][word];
    return ran > known ? ran - known : 0;
}

static void add_branches(struct result *result, const struct result_inputs *inputs,
                         struct points *points)
{
    const struct branches *branches = inputs->branches;
    result->directions = memory_get(2 * branches->count, sizeof(result->directions[0]));
    result->lineless = memory_get(branches->count, sizeof(result->lineless[0]));
    for (size_t i = 0; i < branches->count; i++) {
        const struct branch *branch = &branches->items[i];
        if (!sources_kept(result->sources, branch->file)) {
            continue;
        }
        result->unknown_outcomes += unknown_outcomes(inputs->counts, branch->word);
        if (branch->line == 0 || branch->file == SOURCE_NONE) {
            result->lineless[result->lineless_count++] = *branch;
            continue;
        }
        const struct point point = {.file = branch->file,
                                    .line = branch->line,
                                    .address = branch->address,
                                    .count = counts_ran(inputs->counts, branch->word),
                                    .kind = POINT_BRANCH};
        add_point(points, &point);
        add_direction(result, inputs, branch, 0);
        add_direction(result, inputs, branch, 1);
    }
}

/* How often a statement ran: as often as it began; one that was only jumped into (assembly with one
 * row for repeated code) as often as the first instruction of it that ran. */
static uint64_t statement_ran(const struct result_inputs *inputs, uint64_t address, size_t word)
{
    uint64_t ran = counts_ran(inputs->counts, word);
    const struct line_range *range = lines_at(inputs->lines, address);
    for (uint64_t at = address; ran == 0 && range != NULL && at < range->high;
         at += sizeof(uint32_t)) {
        if (image_word(inputs->image, at, &word)) {
            ran = counts_ran(inputs->counts, word);
        }
    }
    return ran;
}

static void add_statements(struct result *result, const struct result_inputs *inputs,
                           struct points *points)
{
    for (size_t i = 0; i < inputs->lines->statement_count; i++) {
        const struct statement *statement = &inputs->lines->statements[i];
        size_t word;
        /* Assembled tables have rows too: data is no line to be covered. */
        if (!sources_kept(result->sources, statement->file) ||
            !image_word(inputs->image, statement->address, &word) ||
            (inputs->image->flags[word] & WORD_DATA) != 0) {
            continue;
        }
        const struct point point = {.file = statement->file,
                                    .line = statement->line,
                                    .address = statement->address,
                                    .count = statement_ran(inputs, statement->address, word),
                                    .kind = POINT_STATEMENT};
        add_point(points, &point);
    }
}

static int by_line(const void *left, const void *right)
{
    const struct point *a = left;
    const struct point *b = right;
    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }
    return (a->line > b->line) - (a->line < b->line);
}

/* One line of all points that begin at `points`; returns how many they are. */
static size_t take_line(struct result *result, const struct point *points, size_t left)
{
    uint64_t most[POINT_FUNCTION + 1] = {0};
    bool missed = false;
    bool statements = false;
    size_t taken = 0;
    for (; taken < left && points[taken].file == points->file && points[taken].line == points->line;
         taken++) {
        const struct point *point = &points[taken];
        most[point->kind] = point->count > most[point->kind] ? point->count : most[point->kind];
        if (point->kind == POINT_STATEMENT) {
            statements = true;
            missed = missed || point->count == 0;
        }
    }
    uint64_t count = most[POINT_STATEMENT] > 0 ? most[POINT_STATEMENT] : most[POINT_BRANCH];
    if (!statements && count == 0) {
        count = most[POINT_FUNCTION];
    }
    const struct line_result line = {.file = points->file,
                                     .line = points->line,
                                     .count = count,
                                     .partial = statements && missed && count > 0};
    const char *reason = markers_reason(&result->markers[line.file], line.line, false);
    if (reason == NULL) {
        result->lines[result->line_count++] = line;
    } else {
        const struct excluded excluded = {
            .kind = EXCLUDED_LINE, .file = line.file, .line = line.line, .count = count};
        exclude(result, &excluded, reason);
    }
    return taken;
}

static void make_lines(struct result *result, struct points *points)
{
    result->lines = memory_get(points->count, sizeof(result->lines[0]));
    if (points->count > 0) {
        qsort(points->items, points->count, sizeof(points->items[0]), by_line);
    }
    for (size_t i = 0; i < points->count;) {
        i += take_line(result, &points->items[i], points->count - i);
    }
}

static int by_place(const void *left, const void *right)
{
    const struct direction *a = left;
    const struct direction *b = right;
    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    if (a->block != b->block) {
        return a->block < b->block ? -1 : 1;
    }
    if (a->taken != b->taken) {
        return a->taken < b->taken ? -1 : 1;
    }
    return (a->address > b->address) - (a->address < b->address);
}

/* Copies of one static function in several units have the same branches: they count together. */
static void merge_directions(struct result *result)
{
    size_t kept = 0;
    if (result->direction_count > 0) {
        qsort(result->directions, result->direction_count, sizeof(result->directions[0]), by_place);
    }
    for (size_t i = 0; i < result->direction_count; i++) {
        const struct direction *item = &result->directions[i];
        struct direction *last = kept == 0 ? NULL : &result->directions[kept - 1];
        if (last != NULL && last->file == item->file && last->line == item->line &&
            last->block == item->block && last->taken == item->taken) {
            last->count += item->count;
            last->executed = last->executed || item->executed;
        } else {
            result->directions[kept++] = *item;
        }
    }
    result->direction_count = kept;
}

static void count_instructions(struct result *result, const struct counts *counts)
{
    struct instruction_totals *totals = &result->instructions;
    for (size_t word = 0; word < result->image->words; word++) {
        bool off = counts->ran[TRACE_MMU_OFF][word] > 0;
        bool on = counts->ran[TRACE_MMU_ON][word] > 0;
        bool hit = counts_ran(counts, word) > 0;
        if (!image_is_instruction(result->image, word)) {
            totals->outside_functions += hit;
            continue;
        }
        totals->found++;
        totals->hit += hit;
        totals->hit_off += off;
        totals->hit_on += on;
        totals->hit_both += off && on;
        totals->hit_unknown += hit && !off && !on;
    }
}

static int by_kind(const void *left, const void *right)
{
    const struct excluded *a = left;
    const struct excluded *b = right;
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    return (a->taken > b->taken) - (a->taken < b->taken);
}

void result_make(struct result *result, const struct result_inputs *inputs)
{
    *result = (struct result){.image = inputs->image, .sources = inputs->sources};
    struct points points = {0};
    read_markers(result);
    add_functions(result, inputs->functions, &points);
    add_branches(result, inputs, &points);
    add_statements(result, inputs, &points);
    make_lines(result, &points);
    free(points.items);
    merge_directions(result);
    count_instructions(result, inputs->counts);
    if (result->excluded_count > 0) {
        qsort(result->excluded, result->excluded_count, sizeof(result->excluded[0]), by_kind);
    }
}

void result_free(struct result *result)
{
    for (size_t i = 0; i < result->excluded_count; i++) {
        free(result->excluded[i].reason);
    }
    for (size_t i = 0; result->markers != NULL && i < result->sources->count; i++) {
        markers_free(&result->markers[i]);
    }
    free(result->lines);
    free(result->functions);
    free(result->directions);
    free(result->excluded);
    free(result->lineless);
    free(result->markers);
    *result = (struct result){0};
}

static void add_totals(struct totals *totals, const struct result *result,
                       const struct file_part *part)
{
    for (size_t i = part->line; i < part->line_end; i++) {
        totals->lines++;
        totals->lines_hit += result->lines[i].count > 0;
        totals->lines_partial += result->lines[i].partial;
    }
    for (size_t i = part->function; i < part->function_end; i++) {
        totals->functions++;
        totals->functions_hit += result->functions[i].count > 0;
    }
    for (size_t i = part->direction; i < part->direction_end; i++) {
        totals->directions++;
        totals->directions_hit += result->directions[i].count > 0;
    }
}

struct totals result_totals(const struct result *result, const struct file_part *part)
{
    struct totals totals = {0};
    const struct file_part all = {.line_end = result->line_count,
                                  .function_end = result->function_count,
                                  .direction_end = result->direction_count};
    add_totals(&totals, result, part == NULL ? &all : part);
    return totals;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

bool result_next_file(const struct result *result, struct file_part *part)
{
    size_t line = part->line_end;
    size_t function = part->function_end;
    size_t direction = part->direction_end;
    uint32_t file = SOURCE_NONE;
    file = line < result->line_count ? smaller(file, result->lines[line].file) : file;
    file =
        function < result->function_count ? smaller(file, result->functions[function].file) : file;
    file = direction < result->direction_count ? smaller(file, result->directions[direction].file)
                                               : file;
    if (file == SOURCE_NONE) {
        return false;
    }
    *part = (struct file_part){.file = file,
                               .line = line,
                               .line_end = line,
                               .function = function,
                               .function_end = function,
                               .direction = direction,
                               .direction_end = direction};
    while (part->line_end < result->line_count && result->lines[part->line_end].file == file) {
        part->line_end++;
    }
    while (part->function_end < result->function_count &&
           result->functions[part->function_end].file == file) {
        part->function_end++;
    }
    while (part->direction_end < result->direction_count &&
           result->directions[part->direction_end].file == file) {
        part->direction_end++;
    }
    return true;
}
