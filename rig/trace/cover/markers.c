#include "markers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static const char MARK[] = "LCOV_EXCL_";

static void find_fault(struct markers *markers, uint32_t line, const char *text)
{
    markers->findings = memory_grow(markers->findings, markers->finding_count,
                                    &markers->finding_room, sizeof(markers->findings[0]));
    markers->findings[markers->finding_count++] =
        (struct marker_finding){.line = line, .text = text};
}

/* The text behind the colon up to the end of the line or comment, trimmed; NULL when there is none.
 */
static char *reason_of(const char *text)
{
    if (text[0] != ':') {
        return NULL;
    }
    char *reason = memory_text(text + 1);
    char *end = strstr(reason, "*/");
    size_t length = end == NULL ? strlen(reason) : (size_t)(end - reason);
    while (length > 0 && isspace((unsigned char)reason[length - 1]) != 0) {
        length--;
    }
    reason[length] = '\0';
    size_t blank = strspn(reason, " \t");
    memmove(reason, reason + blank, length - (blank < length ? blank : length) + 1);
    if (reason[0] == '\0') {
        free(reason);
        return NULL;
    }
    return reason;
}

static void exclude(struct markers *markers, const struct exclusion *exclusion)
{
    markers->items =
        memory_grow(markers->items, markers->count, &markers->room, sizeof(markers->items[0]));
    markers->items[markers->count++] = *exclusion;
}

/* A START that waits for its STOP. */
struct open_range {
    uint32_t first; /* 0: none is open */
    char *reason;   /* NULL: it had none */
};

static bool word(const char *text, const char *name, const char **rest)
{
    size_t length = strlen(name);
    if (strncmp(text, name, length) != 0 || text[length] == '_' ||
        isalnum((unsigned char)text[length]) != 0) {
        return false;
    }
    *rest = text + length;
    return true;
}

static void take_start(struct markers *markers, struct open_range *open, uint32_t line,
                       const char *rest)
{
    if (open->first != 0) {
        find_fault(markers, line, "an exclusion starts inside another one");
        return;
    }
    *open = (struct open_range){.first = line, .reason = reason_of(rest)};
    if (open->reason == NULL) {
        find_fault(markers, line, "an exclusion without a reason");
    }
}

static void take_stop(struct markers *markers, struct open_range *open, uint32_t line,
                      bool branches_only)
{
    if (open->first == 0) {
        find_fault(markers, line, "an exclusion stops that did not start");
    } else if (open->reason != NULL) {
        const struct exclusion exclusion = {.first = open->first,
                                            .last = line,
                                            .branches_only = branches_only,
                                            .reason = open->reason};
        exclude(markers, &exclusion);
    }
    *open = (struct open_range){0};
}

static void take_line(struct markers *markers, struct open_range open[2], uint32_t line,
                      const char *text)
{
    for (const char *at = strstr(text, MARK); at != NULL; at = strstr(at, MARK)) {
        at += sizeof(MARK) - 1;
        bool branches_only = strncmp(at, "BR_", 3) == 0;
        const char *kind = at + (branches_only ? 3 : 0);
        const char *rest;
        if (word(kind, "LINE", &rest)) {
            char *reason = reason_of(rest);
            if (reason == NULL) {
                find_fault(markers, line, "an exclusion without a reason");
            } else {
                const struct exclusion exclusion = {
                    .first = line, .last = line, .branches_only = branches_only, .reason = reason};
                exclude(markers, &exclusion);
            }
        } else if (word(kind, "START", &rest)) {
            take_start(markers, &open[branches_only], line, rest);
        } else if (word(kind, "STOP", &rest)) {
            take_stop(markers, &open[branches_only], line, branches_only);
        }
    }
}

void markers_read(struct markers *markers, const char *path)
{
    *markers = (struct markers){0};
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    markers->found = true;
    struct open_range open[2] = {{0}, {0}};
    char *text = NULL;
    size_t room = 0;
    uint32_t line = 0;
    while (getline(&text, &room, file) >= 0) {
        take_line(markers, open, ++line, text);
    }
    for (size_t i = 0; i < 2; i++) {
        if (open[i].first != 0) {
            find_fault(markers, open[i].first, "an exclusion starts and never stops");
            free(open[i].reason);
        }
    }
    free(text);
    fclose(file);
}

void markers_free(struct markers *markers)
{
    for (size_t i = 0; i < markers->count; i++) {
        free(markers->items[i].reason);
    }
    free(markers->items);
    free(markers->findings);
    *markers = (struct markers){0};
}

const char *markers_reason(const struct markers *markers, uint32_t line, bool branch)
{
    for (size_t i = 0; i < markers->count; i++) {
        const struct exclusion *item = &markers->items[i];
        if (line >= item->first && line <= item->last && (branch || !item->branches_only)) {
            return item->reason;
        }
    }
    return NULL;
}
