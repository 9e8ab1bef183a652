#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

static bool fail(const struct output *output, int problem, char *error)
{
    snprintf(error, OUTPUT_ERROR_TEXT, "%s: cannot write: %s", output->path, strerror(problem));
    return false;
}

bool output_begin(struct output *output, const char *path, char error[static OUTPUT_ERROR_TEXT])
{
    *output = (struct output){.path = path};
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        output->file = fopen(path, "we");
        return output->file != NULL || fail(output, errno, error);
    }
    size_t room = strlen(path) + sizeof(".XXXXXX");
    output->temporary = memory_get(room, 1);
    snprintf(output->temporary, room, "%s.XXXXXX", path);
    int fd = mkstemp(output->temporary);
    if (fd < 0) {
        free(output->temporary);
        output->temporary = NULL;
        return fail(output, errno, error);
    }
    mode_t mask = umask(0);
    umask(mask);
    /* mkstemp's file is private; a report is not. */
    if (fchmod(fd, 0666 & ~mask) == 0) {
        output->file = fdopen(fd, "w");
    }
    if (output->file == NULL) {
        int problem = errno;
        close(fd);
        output_abandon(output);
        return fail(output, problem, error);
    }
    return true;
}

bool output_end(struct output *output, char error[static OUTPUT_ERROR_TEXT])
{
    bool written = ferror(output->file) == 0;
    written = fclose(output->file) == 0 && written;
    output->file = NULL;
    int problem = errno == 0 ? EIO : errno;
    if (written && output->temporary != NULL) {
        written = rename(output->temporary, output->path) == 0;
        problem = errno;
    }
    if (!written) {
        output_abandon(output);
        return fail(output, problem, error);
    }
    free(output->temporary);
    output->temporary = NULL;
    return true;
}

void output_abandon(struct output *output)
{
    if (output->file != NULL) {
        fclose(output->file);
        output->file = NULL;
    }
    if (output->temporary != NULL) {
        unlink(output->temporary);
        free(output->temporary);
        output->temporary = NULL;
    }
}
