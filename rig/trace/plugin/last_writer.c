#include "last_writer.h"

#include <stdlib.h>

enum { INSN_SHIFT = 2, INSNS_PER_LINE = WRITER_LINE >> INSN_SHIFT, BITS = 64 };

bool last_writer_start(struct last_writer *writer)
{
    writer->off_lines = 0;
    writer->directories = calloc(WRITER_DIRECTORIES, sizeof(void *));
    return writer->directories != NULL;
}

void last_writer_free(struct last_writer *writer)
{
    for (size_t top = 0; writer->directories != NULL && top < WRITER_DIRECTORIES; top++) {
        struct writer_directory *directory = writer->directories[top];
        for (size_t i = 0; directory != NULL && i < WRITER_LEAF_PAGES; i++) {
            free(directory->pages[i]);
        }
        free(directory);
    }
    free(writer->directories);
    writer->directories = NULL;
}

/* What is at `*slot`, which another thread may fill at the same time. */
static void *make(void **slot, size_t size)
{
    void *known = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (known != NULL) {
        return known;
    }
    void *fresh = calloc(1, size);
    if (fresh != NULL && !__atomic_compare_exchange_n(slot, &known, fresh, false, __ATOMIC_ACQ_REL,
                                                      __ATOMIC_ACQUIRE)) {
        free(fresh);
        return known;
    }
    return fresh;
}

struct writer_page *last_writer_make(struct last_writer *writer, uint64_t pa)
{
    uint64_t top = pa >> (WRITER_PAGE_SHIFT + WRITER_LEAF_BITS);
    if (top >= WRITER_DIRECTORIES) {
        return NULL;
    }
    struct writer_directory *directory =
        make((void **)&writer->directories[top], sizeof(struct writer_directory));
    if (directory == NULL) {
        return NULL;
    }
    size_t index = pa >> WRITER_PAGE_SHIFT & (WRITER_LEAF_PAGES - 1);
    return make((void **)&directory->pages[index], sizeof(struct writer_page));
}

void last_writer_read(struct last_writer *writer, struct writer_page *page, unsigned int line)
{
    uint64_t bit = UINT64_C(1) << line;
    if ((__atomic_fetch_and(&page->off, ~bit, __ATOMIC_RELAXED) & bit) != 0) {
        __atomic_fetch_add(&writer->off_lines, UINT64_MAX, __ATOMIC_RELAXED);
    }
}

struct trace_written last_writer_line(const struct writer_page *page, uint64_t pa)
{
    const struct writer_line *line = &page->lines[writer_line_of(pa)];
    if (line->flags == 0) {
        return (struct trace_written){0};
    }
    return (struct trace_written){
        .time = line->time,
        .pc = line->pc,
        .va = line->va,
        .pa = pa / WRITER_LINE * WRITER_LINE + line->offset,
        .cpu = line->cpu,
        .flags = line->flags,
    };
}

struct trace_written last_writer_newest(const struct last_writer *writer, uint64_t pa,
                                        uint64_t size, bool off)
{
    struct trace_written newest = {0};
    uint64_t wanted = off ? TRACE_EVENT_CACHES_OFF : TRACE_EVENT_VALUE;
    for (uint64_t at = pa / WRITER_LINE * WRITER_LINE; at < pa + size; at += WRITER_LINE) {
        const struct writer_page *page = last_writer_find(writer, at);
        if (page == NULL || (page->lines[writer_line_of(at)].flags & wanted) == 0) {
            continue;
        }
        struct trace_written line = last_writer_line(page, at);
        if (newest.flags == 0 || line.time >= newest.time) {
            newest = line;
        }
    }
    return newest;
}

static bool line_has_code(const struct writer_page *page, unsigned int line)
{
    unsigned int first = line * INSNS_PER_LINE;
    uint64_t mask = (UINT64_C(1) << INSNS_PER_LINE) - 1;
    return (page->code[first / BITS] >> first % BITS & mask) != 0;
}

static void renew_watched(struct writer_page *page)
{
    uint64_t watched = page->table_lines;
    for (unsigned int line = 0; line < WRITER_LINES; line++) {
        watched |= line_has_code(page, line) ? UINT64_C(1) << line : 0;
    }
    __atomic_store_n(&page->watched, watched, __ATOMIC_RELAXED);
}

void last_writer_watch_code(struct last_writer *writer, uint64_t pa, uint32_t insns)
{
    struct writer_page *page = last_writer_make(writer, pa);
    if (page == NULL) {
        return;
    }
    unsigned int first = (unsigned int)(pa % WRITER_PAGE) >> INSN_SHIFT;
    for (unsigned int i = first; i < first + insns && i < WRITER_PAGE >> INSN_SHIFT; i++) {
        page->code[i / BITS] |= UINT64_C(1) << i % BITS;
        page->watched |= UINT64_C(1) << i / INSNS_PER_LINE;
    }
    page->code_stores = 0;
}

void last_writer_watch_table(struct last_writer *writer, uint64_t pa, uint64_t size, bool watch)
{
    for (uint64_t at = pa; at < pa + size; at += WRITER_LINE) {
        struct writer_page *page = last_writer_make(writer, at);
        uint64_t bit = UINT64_C(1) << writer_line_of(at);
        if (page == NULL) {
            continue;
        }
        page->table_lines = watch ? page->table_lines | bit : page->table_lines & ~bit;
        if (watch) {
            page->watched |= bit;
        } else {
            renew_watched(page);
        }
    }
}

bool last_writer_code_store(struct writer_page *page, uint64_t word)
{
    unsigned int first = (unsigned int)(word % WRITER_PAGE) >> INSN_SHIFT;
    if ((page->code[first / BITS] >> first % BITS & 3) == 0) {
        return false;
    }
    if (++page->code_stores > WRITER_CODE_STORES) {
        for (unsigned int i = 0; i < WRITER_CODE_WORDS; i++) {
            page->code[i] = 0;
        }
        renew_watched(page);
        return false;
    }
    return true;
}
