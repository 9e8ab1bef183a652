#include "trace_input.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse(char *error, const char *text)
{
    snprintf(error, TRACE_INPUT_ERROR_TEXT, "%s", text);
    return false;
}

const uint8_t *trace_input_map(const char *path, size_t *size,
                               char error[static TRACE_INPUT_ERROR_TEXT])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        refuse(error, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        close(fd);
        refuse(error, S_ISREG(status.st_mode) ? "no trace: the file is empty"
                                              : "no trace: it is no regular file");
        return NULL;
    }
    *size = (size_t)status.st_size;
    void *data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
    int problem = errno;
    close(fd);
    if (data == MAP_FAILED) {
        refuse(error, strerror(problem));
        return NULL;
    }
    return data;
}

void trace_input_unmap(const uint8_t *data, size_t size)
{
    munmap((void *)(uintptr_t)data, size); /* mapped read-only; munmap takes a plain pointer */
}

/* Why a trace of kind `found` is not what the reader of `wanted` reads. */
static const char *wrong_kind(enum trace_kind wanted, uint32_t found)
{
    if (wanted == TRACE_COVERAGE) {
        return found == TRACE_EVENTS ? "an event trace and no coverage trace: rig-trace events and "
                                       "rig-trace order read it"
                                     : "the trace is not one of coverage";
    }
    return found == TRACE_COVERAGE ? "a coverage trace and no event trace: rig-trace cover reads it"
                                   : "the trace is not one of events";
}

static void to_host(struct trace_header *header)
{
    header->version = le32toh(header->version);
    header->kind = le32toh(header->kind);
    header->used = le64toh(header->used);
    header->flags = le32toh(header->flags);
    header->api = le32toh(header->api);
    header->cpus = le32toh(header->cpus);
    header->image_id_size = le32toh(header->image_id_size);
}

bool trace_input_header(const uint8_t *data, size_t size, enum trace_kind kind,
                        struct trace_header *header, char error[static TRACE_INPUT_ERROR_TEXT])
{
    if (size < sizeof(*header)) {
        return refuse(error, "no trace: it is shorter than a trace's header");
    }
    memcpy(header, data, sizeof(*header));
    to_host(header);
    if (memcmp(header->magic, TRACE_MAGIC, sizeof(header->magic)) != 0) {
        return refuse(error, "no trace: it does not begin with " TRACE_MAGIC);
    }
    if (header->version != TRACE_VERSION) {
        snprintf(error, TRACE_INPUT_ERROR_TEXT,
                 "trace of version %" PRIu32 "; this rig-trace reads %d", header->version,
                 TRACE_VERSION);
        return false;
    }
    if (header->kind != kind) {
        return refuse(error, wrong_kind(kind, header->kind));
    }
    if (header->used < sizeof(*header) || header->image_id_size > TRACE_IMAGE_ID_BYTES) {
        return refuse(error, "damaged trace: its header contradicts itself");
    }
    return true;
}
