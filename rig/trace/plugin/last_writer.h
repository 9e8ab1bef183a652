/*
 * Who stored last to each line of 64 bytes, and which words are watched: hold code that was
 * translated, or a live translation table.
 *
 * Records are made by the page of 4 KiB when something is stored there first, so their memory is
 * bounded by the memory that the guest writes. They are never freed, and found without a lock.
 * Virtual CPUs that are threads may mix up the record of a line that both store to at a time, as
 * they may mix up the line.
 */
#ifndef RIG_PLUGIN_LAST_WRITER_H
#define RIG_PLUGIN_LAST_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace_events.h"

enum {
    WRITER_LINE_SHIFT = 6,
    WRITER_LINE = 1 << WRITER_LINE_SHIFT,
    WRITER_PAGE_SHIFT = 12,
    WRITER_PAGE = 1 << WRITER_PAGE_SHIFT,
    WRITER_LINES = WRITER_PAGE / WRITER_LINE,
    WRITER_CODE_WORDS = WRITER_PAGE / 4 / 64,
    /* Stores to code that are told for a page until some of it is translated again: a page that
     * once held code may be data from then on. */
    WRITER_CODE_STORES = 4096,
};

struct writer_line {
    uint64_t time;
    uint64_t pc;
    uint64_t va;
    uint8_t offset; /* of the store in the line */
    uint8_t cpu;
    uint8_t flags; /* enum trace_event_flag, as struct trace_written's */
    uint8_t reserved[5];
};

struct writer_page {
    uint64_t off;         /* a bit a line: written with caches off, and not read since */
    uint64_t watched;     /* a bit a line: table or code */
    uint64_t table_lines; /* a bit a line */
    uint64_t code[WRITER_CODE_WORDS]; /* a bit an instruction */
    uint32_t code_stores;             /* since the page's last translation */
    struct writer_line lines[WRITER_LINES];
};

enum {
    WRITER_LEAF_BITS = 18, /* pages of a directory: 1 GiB */
    WRITER_TOP_BITS = 14,  /* addresses of 44 bits */
    WRITER_LEAF_PAGES = 1 << WRITER_LEAF_BITS,
    WRITER_DIRECTORIES = 1 << WRITER_TOP_BITS,
};

struct writer_directory {
    struct writer_page *pages[WRITER_LEAF_PAGES];
};

struct last_writer {
    struct writer_directory **directories;
    uint64_t off_lines; /* in all pages, atomic */
};

bool last_writer_start(struct last_writer *writer);
void last_writer_free(struct last_writer *writer); /* for tests: nobody may use it any more */

/* The page's record, or NULL when it has none. */
static inline struct writer_page *last_writer_find(const struct last_writer *writer, uint64_t pa)
{
    uint64_t top = pa >> (WRITER_PAGE_SHIFT + WRITER_LEAF_BITS);
    if (top >= WRITER_DIRECTORIES) {
        return NULL;
    }
    const struct writer_directory *directory =
        __atomic_load_n(&writer->directories[top], __ATOMIC_ACQUIRE);
    return directory == NULL
               ? NULL
               : __atomic_load_n(
                     &directory->pages[pa >> WRITER_PAGE_SHIFT & (WRITER_LEAF_PAGES - 1)],
                     __ATOMIC_ACQUIRE);
}

/* As find, and made when it is not there; NULL when memory is short or the address too large. */
struct writer_page *last_writer_make(struct last_writer *writer, uint64_t pa);

static inline unsigned int writer_line_of(uint64_t pa)
{
    return (unsigned int)(pa >> WRITER_LINE_SHIFT) & (WRITER_LINES - 1);
}

/* Note a store to one line of a page: all of `line` is filled in but the offset. */
static inline void last_writer_note(struct last_writer *writer, struct writer_page *page,
                                    uint64_t pa, const struct writer_line *line)
{
    unsigned int index = writer_line_of(pa);
    uint64_t bit = UINT64_C(1) << index;
    bool off = (line->flags & TRACE_EVENT_CACHES_OFF) != 0;
    page->lines[index] = *line;
    page->lines[index].offset = (uint8_t)(pa % WRITER_LINE);
    if (off != ((page->off & bit) != 0)) {
        __atomic_fetch_xor(&page->off, bit, __ATOMIC_RELAXED);
        __atomic_fetch_add(&writer->off_lines, off ? 1 : UINT64_MAX, __ATOMIC_RELAXED);
    }
}

/* The line was read with caches on: that it was written with caches off is told once. */
void last_writer_read(struct last_writer *writer, struct writer_page *page, unsigned int line);

/* Who stored last to any of the lines that [pa, pa + size) touches; `off`: among those who did so
 * with caches off. All zero when nobody did. */
struct trace_written last_writer_newest(const struct last_writer *writer, uint64_t pa,
                                        uint64_t size, bool off);
struct trace_written last_writer_line(const struct writer_page *page, uint64_t pa);

/* Watch the code of a block within one page; a table (any size, whole lines), or no longer. */
void last_writer_watch_code(struct last_writer *writer, uint64_t pa, uint32_t insns);
void last_writer_watch_table(struct last_writer *writer, uint64_t pa, uint64_t size, bool watch);

/* Does the aligned 8-byte word hold code that is watched? Counts as a store that is told. */
bool last_writer_code_store(struct writer_page *page, uint64_t word);

#endif
