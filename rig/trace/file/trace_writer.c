#include "trace_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STEP = 1 << 20 }; /* the file grows by this much; a multiple of every page size */

struct trace_writer {
    pthread_mutex_t lock;
    int fd;
    bool closed;
    uint8_t *base;     /* the reserved range */
    uint64_t reserved; /* its size: the limit, rounded up to STEP */
    uint64_t limit;
    uint64_t mapped; /* bytes of the file that exist and are mapped */
    uint64_t begun;  /* where `used` will be when the chunk begun is committed */
};

static struct trace_header *header(const struct trace_writer *writer)
{
    return (struct trace_header *)(void *)writer->base;
}

/* Give the file room for `size` bytes; false with errno set when there is none. */
static bool grow(struct trace_writer *writer, uint64_t size)
{
    while (writer->mapped < size) {
        int error = posix_fallocate(writer->fd, (off_t)writer->mapped, STEP);
        if (error != 0) {
            errno = error;
            return false;
        }
        void *at = mmap(writer->base + writer->mapped, STEP, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_FIXED, writer->fd, (off_t)writer->mapped);
        if (at == MAP_FAILED) {
            return false;
        }
        writer->mapped += STEP;
    }
    return true;
}

static bool map(struct trace_writer *writer, const struct trace_writer_settings *settings)
{
    writer->limit = settings->limit;
    writer->reserved = (settings->limit + STEP - 1) / STEP * STEP;
    void *range =
        mmap(NULL, writer->reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) {
        return false;
    }
    writer->base = range;
    if (grow(writer, sizeof(struct trace_header))) {
        return true;
    }
    int error = errno;
    munmap(range, writer->reserved);
    errno = error;
    return false;
}

static void fill_header(struct trace_writer *writer, const struct trace_writer_settings *settings)
{
    struct trace_header *head = header(writer);
    head->version = TRACE_VERSION;
    head->kind = settings->kind;
    head->api = settings->api;
    head->cpus = settings->cpus;
    head->image_id_size = settings->image_id_size;
    if (settings->image_id_size > 0) {
        memcpy(head->image_id, settings->image_id, settings->image_id_size);
    }
    head->used = sizeof *head;
    /* Last: whoever finds the magic finds a whole header. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(head->magic, TRACE_MAGIC, sizeof head->magic);
}

struct trace_writer *trace_writer_open(const struct trace_writer_settings *settings)
{
    if (settings->limit < TRACE_LIMIT_MIN || settings->limit > TRACE_LIMIT_MAX ||
        settings->image_id_size > TRACE_IMAGE_ID_BYTES) {
        errno = EINVAL;
        return NULL;
    }
    struct trace_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        return NULL;
    }
    writer->fd = open(settings->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (writer->fd >= 0 && map(writer, settings)) {
        pthread_mutex_init(&writer->lock, NULL);
        fill_header(writer, settings);
        return writer;
    }
    int error = errno;
    if (writer->fd >= 0) {
        close(writer->fd);
    }
    free(writer);
    errno = error;
    return NULL;
}

void trace_writer_flag(struct trace_writer *writer, enum trace_flags flag)
{
    __atomic_fetch_or(&header(writer)->flags, (uint32_t)flag, __ATOMIC_RELEASE);
}

uint64_t trace_writer_used(struct trace_writer *writer)
{
    return __atomic_load_n(&header(writer)->used, __ATOMIC_ACQUIRE);
}

void *trace_writer_begin(struct trace_writer *writer, uint32_t tag, uint64_t size)
{
    pthread_mutex_lock(&writer->lock);
    uint64_t used = header(writer)->used;
    bool fits = !writer->closed && size <= UINT32_MAX && size <= writer->limit - used;
    if (fits && grow(writer, used + size)) {
        struct trace_chunk *chunk = (struct trace_chunk *)(void *)(writer->base + used);
        /* A chunk that could not be completed may have left something here. */
        memset(chunk, 0, size);
        *chunk = (struct trace_chunk){.tag = tag, .size = (uint32_t)size};
        writer->begun = used + size;
        return chunk;
    }
    if (!writer->closed) {
        trace_writer_flag(writer, TRACE_FULL);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

void trace_writer_commit(struct trace_writer *writer)
{
    __atomic_store_n(&header(writer)->used, writer->begun, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&writer->lock);
}

void trace_writer_close(struct trace_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    if (!writer->closed) {
        writer->closed = true;
        trace_writer_flag(writer, TRACE_CLOSED);
        /* Failure leaves zero bytes behind the used part, which a reader ignores. */
        if (ftruncate(writer->fd, (off_t)header(writer)->used) != 0) {
            errno = 0;
        }
    }
    pthread_mutex_unlock(&writer->lock);
}

void trace_writer_free(struct trace_writer *writer)
{
    if (writer != NULL) {
        munmap(writer->base, writer->reserved);
        close(writer->fd);
        pthread_mutex_destroy(&writer->lock);
        free(writer);
    }
}
