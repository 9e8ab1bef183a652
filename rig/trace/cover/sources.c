#include "sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* Drop "." and empty parts, and each ".." with the part before it. */
static char *tidy(const char *raw)
{
    size_t room = strlen(raw) + 2;
    char *out = memory_get(room, 1);
    bool absolute = raw[0] == '/';
    size_t used = absolute ? 1 : 0;
    out[0] = absolute ? '/' : '\0';
    for (const char *part = raw; *part != '\0';) {
        size_t length = strcspn(part, "/");
        bool up = length == 2 && memcmp(part, "..", 2) == 0;
        const char *slash = memrchr(out, '/', used);
        size_t last = slash == NULL ? 0 : (size_t)(slash - out) + 1; /* the last part kept */
        bool can_go_up = used > last && strcmp(out + last, "..") != 0;
        if (up && can_go_up) {
            used = last > 1 ? last - 1 : last;
        } else if (length > 0 && !(length == 1 && part[0] == '.') && !(up && absolute)) {
            if (used > 0 && out[used - 1] != '/') {
                out[used++] = '/';
            }
            memcpy(out + used, part, length);
            used += length;
        }
        out[used] = '\0';
        part += length + (part[length] == '/');
    }
    return out;
}

static bool begins_with_part(const char *path, const char *from, size_t length)
{
    return strncmp(path, from, length) == 0 &&
           (length == 0 || from[length - 1] == '/' || path[length] == '/' || path[length] == '\0');
}

static char *mapped(const struct source_rules *rules, char *path)
{
    for (size_t i = 0; i < rules->map_count; i++) {
        const char *from = rules->maps[i];
        const char *equals = strchr(from, '=');
        size_t length = equals == NULL ? 0 : (size_t)(equals - from);
        if (equals == NULL || !begins_with_part(path, from, length)) {
            continue;
        }
        size_t room = strlen(path) + strlen(equals) + 1;
        char *joined = memory_get(room, 1);
        snprintf(joined, room, "%s%s", equals + 1, path + length);
        char *clean = tidy(equals[1] == '\0' && joined[0] == '/' ? joined + 1 : joined);
        free(joined);
        free(path);
        return clean;
    }
    return path;
}

static bool wanted(const struct source_rules *rules, const char *path)
{
    for (size_t i = 0; i < rules->keep_count; i++) {
        if (strncmp(path, rules->keeps[i], strlen(rules->keeps[i])) == 0) {
            return true;
        }
    }
    return rules->keep_count == 0;
}

static char *shown_name(const struct source_rules *rules, const char *path)
{
    if (rules->prefix == NULL || path[0] == '/') {
        return memory_text(path);
    }
    size_t room = strlen(rules->prefix) + strlen(path) + 2;
    char *joined = memory_get(room, 1);
    snprintf(joined, room, "%s/%s", rules->prefix, path);
    char *clean = tidy(joined);
    free(joined);
    return clean;
}

void sources_init(struct sources *sources, const struct source_rules *rules)
{
    *sources = (struct sources){.rules = *rules, .alias_slots = 1024};
    sources->aliases = memory_get(sources->alias_slots, sizeof(sources->aliases[0]));
}

void sources_free(struct sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        free(sources->files[i].path);
        free(sources->files[i].shown);
    }
    for (size_t i = 0; i < sources->alias_slots; i++) {
        free(sources->aliases[i].raw);
    }
    free(sources->files);
    free(sources->aliases);
    *sources = (struct sources){0};
}

static size_t slot_of(const struct source_alias *aliases, size_t slots, const char *raw)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (const char *c = raw; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * 0x100000001b3;
    }
    size_t slot = (size_t)(hash ^ (hash >> 32)) & (slots - 1);
    while (aliases[slot].raw != NULL && strcmp(aliases[slot].raw, raw) != 0) {
        slot = (slot + 1) & (slots - 1);
    }
    return slot;
}

static void double_aliases(struct sources *sources)
{
    size_t slots = sources->alias_slots * 2;
    struct source_alias *aliases = memory_get(slots, sizeof(aliases[0]));
    for (size_t i = 0; i < sources->alias_slots; i++) {
        if (sources->aliases[i].raw != NULL) {
            aliases[slot_of(aliases, slots, sources->aliases[i].raw)] = sources->aliases[i];
        }
    }
    free(sources->aliases);
    sources->aliases = aliases;
    sources->alias_slots = slots;
}

/* The number of the file with this path, new or known; takes the path. */
static uint32_t file_number(struct sources *sources, char *path)
{
    for (size_t i = 0; i < sources->count; i++) {
        if (strcmp(sources->files[i].path, path) == 0) {
            free(path);
            return (uint32_t)i;
        }
    }
    sources->files =
        memory_grow(sources->files, sources->count, &sources->capacity, sizeof(sources->files[0]));
    sources->files[sources->count] = (struct source){
        .path = path,
        .shown = shown_name(&sources->rules, path),
        .kept = wanted(&sources->rules, path),
    };
    return (uint32_t)sources->count++;
}

uint32_t sources_number(struct sources *sources, const char *raw)
{
    if (raw == NULL || raw[0] == '\0') {
        return SOURCE_NONE;
    }
    size_t slot = slot_of(sources->aliases, sources->alias_slots, raw);
    if (sources->aliases[slot].raw != NULL) {
        return sources->aliases[slot].file;
    }
    uint32_t file = file_number(sources, mapped(&sources->rules, tidy(raw)));
    sources->aliases[slot] = (struct source_alias){.raw = memory_text(raw), .file = file};
    if (++sources->alias_count * 2 > sources->alias_slots) {
        double_aliases(sources);
    }
    return file;
}

struct numbered {
    struct source source;
    uint32_t old;
};

static int by_shown(const void *left, const void *right)
{
    const struct numbered *a = left;
    const struct numbered *b = right;
    return strcmp(a->source.shown, b->source.shown);
}

uint32_t *sources_sort(struct sources *sources)
{
    struct numbered *sorted = memory_get(sources->count, sizeof(sorted[0]));
    uint32_t *renumbered = memory_get(sources->count, sizeof(renumbered[0]));
    for (size_t i = 0; i < sources->count; i++) {
        sorted[i] = (struct numbered){.source = sources->files[i], .old = (uint32_t)i};
    }
    qsort(sorted, sources->count, sizeof(sorted[0]), by_shown);
    for (size_t i = 0; i < sources->count; i++) {
        sources->files[i] = sorted[i].source;
        renumbered[sorted[i].old] = (uint32_t)i;
    }
    for (size_t i = 0; i < sources->alias_slots; i++) {
        if (sources->aliases[i].raw != NULL) {
            sources->aliases[i].file = renumbered[sources->aliases[i].file];
        }
    }
    free(sorted);
    return renumbered;
}

bool sources_kept(const struct sources *sources, uint32_t file)
{
    return file == SOURCE_NONE ? sources->rules.keep_count == 0 : sources->files[file].kept;
}
