/*
 * The names of source files: as DWARF gives them, as the user wants them, and which are kept.
 *
 * A DWARF path is tidied (".", "..", "//"), then the first --map FROM=TO whose FROM it begins with
 * (at a
 * "/" or whole) is applied. That is the file's path; --keep asks for it. The name shown, and where
 * the file is looked for, is the path with the source prefix in front when the path is relative.
 */
#ifndef RIG_COVER_SOURCES_H
#define RIG_COVER_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_NONE UINT32_MAX

struct source_rules {
    const char *prefix;      /* or NULL */
    const char *const *maps; /* "FROM=TO" */
    size_t map_count;
    const char *const *keeps;
    size_t keep_count;
};

struct source {
    char *path;
    char *shown;
    bool kept;
};

struct source_alias {
    char *raw;
    uint32_t file;
};

struct sources {
    struct source_rules rules;
    struct source *files; /* after sources_sort: by the name shown */
    size_t count;
    size_t capacity;
    struct source_alias *aliases; /* hash table of DWARF paths, open addressing */
    size_t alias_count;
    size_t alias_slots;
};

void sources_init(struct sources *sources, const struct source_rules *rules);
void sources_free(struct sources *sources);

/* The file's number for a DWARF path; SOURCE_NONE for NULL and "". */
uint32_t sources_number(struct sources *sources, const char *raw);

/* Sort the files; returns for each old number the new one, to be freed by the caller. */
uint32_t *sources_sort(struct sources *sources);

/* Whether a file counts: one that is kept; SOURCE_NONE counts only when nothing was asked to be
 * kept. */
bool sources_kept(const struct sources *sources, uint32_t file);

#endif
