#include "operand_feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EL_MAX = 3, FIRST_SITES = 256, HEX_DIGITS = 16 };

static bool refuse(struct operand_feed *feed, char *error, const char *path, const char *why)
{
    snprintf(error, OPERAND_FEED_ERROR, "operands=%s: %s", path, why);
    operand_feed_close(feed);
    return false;
}

static bool load(struct operand_feed *feed, const char *path)
{
    FILE *file = fopen(path, "re");
    size_t room = 0;
    bool good = file != NULL;
    while (good && feof(file) == 0) {
        if (feed->size + 1 >= room) {
            room = room == 0 ? (size_t)1 << 16 : room * 2;
            char *larger = realloc(feed->text, room);
            good = larger != NULL;
            feed->text = good ? larger : feed->text;
        }
        if (good) {
            feed->size += fread(feed->text + feed->size, 1, room - feed->size - 1, file);
            good = ferror(file) == 0;
        }
    }
    if (file != NULL) {
        int error = errno;
        fclose(file);
        errno = error;
    }
    if (good) {
        feed->text[feed->size] = '\0';
    }
    return good;
}

/* A hexadecimal number of at most 64 bits at `*at`, which moves behind it. */
static bool hex(const char **at, uint64_t *value)
{
    unsigned int digits = 0;
    *value = 0;
    for (;; (*at)++, digits++) {
        char c = **at;
        if (c >= '0' && c <= '9') {
            *value = *value << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            *value = *value << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return digits > 0 && digits <= HEX_DIGITS;
        }
    }
}

/* The line at `feed->at`, and step over it; NULL at the end, or when the line has no end. */
static const char *next_line(struct operand_feed *feed)
{
    char *line = feed->text + feed->at;
    char *end = memchr(line, '\n', feed->size - feed->at);
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    feed->at = (size_t)(end - feed->text) + 1;
    return line;
}

static bool add_site(struct operand_feed *feed, uint64_t pc)
{
    size_t count = feed->site_count;
    bool full = count == 0 || (count >= FIRST_SITES && (count & (count - 1)) == 0);
    if (full) {
        size_t room = count == 0 ? FIRST_SITES : count * 2;
        uint64_t *larger = realloc(feed->sites, room * sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        feed->sites = larger;
    }
    feed->sites[feed->site_count++] = pc;
    return true;
}

static int ascending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

bool operand_feed_open(struct operand_feed *feed, const char *path,
                       char error[static OPERAND_FEED_ERROR])
{
    *feed = (struct operand_feed){0};
    if (!load(feed, path)) {
        return refuse(feed, error, path, strerror(errno));
    }
    for (;;) {
        const char *line = next_line(feed);
        uint64_t pc = 0;
        if (line == NULL) {
            return refuse(feed, error, path, "the line '-' behind the sites is missing");
        }
        if (strcmp(line, "-") == 0) {
            break;
        }
        const char *at = line + 5;
        if (strncmp(line, "site ", 5) != 0 || !hex(&at, &pc) || *at != '\0') {
            return refuse(feed, error, path, "a line is not 'site PC' with a hexadecimal PC");
        }
        if (!add_site(feed, pc)) {
            return refuse(feed, error, path, "out of memory");
        }
    }
    if (feed->site_count > 0) {
        qsort(feed->sites, feed->site_count, sizeof *feed->sites, ascending);
    }
    return true;
}

void operand_feed_close(struct operand_feed *feed)
{
    free(feed->text);
    free(feed->sites);
    *feed = (struct operand_feed){0};
}

bool operand_feed_has(const struct operand_feed *feed, uint64_t pc)
{
    return feed->site_count > 0 &&
           bsearch(&pc, feed->sites, feed->site_count, sizeof pc, ascending) != NULL;
}

/* `PC VALUE EL` */
static bool parse(const char *line, uint64_t *pc, uint64_t *value, uint8_t *el)
{
    const char *at = line;
    if (!hex(&at, pc) || *at++ != ' ' || !hex(&at, value) || *at++ != ' ' || at[0] < '0' ||
        at[0] > '0' + EL_MAX || at[1] != '\0') {
        return false;
    }
    *el = (uint8_t)(at[0] - '0');
    return true;
}

bool operand_feed_take(struct operand_feed *feed, uint64_t pc, uint64_t *value, uint8_t *el)
{
    uint64_t expected = 0;
    uint64_t found = 0;
    uint8_t level = 0;
    if (feed->lost || feed->text == NULL) {
        return false;
    }
    const char *line = next_line(feed);
    if (line == NULL || !parse(line, &expected, &found, &level) || expected != pc) {
        feed->lost = true;
        return false;
    }
    *value = found;
    *el = level;
    return true;
}
