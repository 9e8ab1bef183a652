#include "event_input.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "memory.h"

/* Whether the trace, when it tells what ran, tells of this image. */
static bool same_image(const struct event_input *input)
{
    char id[2 * TRACE_IMAGE_ID_BYTES + 1] = "";
    for (uint32_t i = 0; i < input->trace.image_id_size && i < TRACE_IMAGE_ID_BYTES; i++) {
        snprintf(id + 2 * (size_t)i, 3, "%02x", input->trace.image_id[i]);
    }
    const char *own = symbols_build_id(input->symbols);
    if (id[0] == '\0' || strcmp(id, own) == 0) {
        return true;
    }
    fprintf(stderr,
            "rig-trace: %s: the trace is of image %s, the ELF file is %s: give the one that ran\n",
            input->options->trace, id, own[0] == '\0' ? "without a build-id" : own);
    return false;
}

static enum exit_code open_image(struct event_input *input)
{
    _Static_assert((int)IMAGE_ERROR_TEXT <= (int)SYMBOLS_ERROR_TEXT, "one buffer serves both");
    char error[SYMBOLS_ERROR_TEXT];
    if (!image_open(&input->image, input->options->elf, error)) {
        return console_say(EXIT_USAGE, error);
    }
    input->symbols = symbols_open(input->options->elf, error);
    if (input->symbols == NULL) {
        return console_say(EXIT_USAGE, error);
    }
    return same_image(input) ? EXIT_HELD : EXIT_USAGE;
}

static void say_what_is_missing(const struct event_input *input)
{
    const char *path = input->options->trace;
    if (input->trace.torn_bytes > 0) {
        fprintf(stderr, "rig-trace: %s: torn tail: %" PRIu64 " bytes dropped\n", path,
                input->trace.torn_bytes);
    }
    if ((input->trace.flags & TRACE_FULL) != 0) {
        fprintf(stderr,
                "rig-trace: %s: its size limit was met: later events are missing; record it again "
                "with a larger limit=\n",
                path);
    }
    if ((input->trace.flags & TRACE_OPERANDS_LOST) != 0) {
        fprintf(stderr,
                "rig-trace: %s: the run left the path of the one its operands were taken from: "
                "operands are unknown from there on\n",
                path);
    }
}

enum exit_code event_input_open(struct event_input *input, const struct input_options *options)
{
    char error[EVENT_ERROR_TEXT];
    *input = (struct event_input){.options = options, .image = {.fd = -1}};
    input->kept = memory_get(KEPT_PLACES, sizeof(input->kept[0]));
    if (!event_trace_open(&input->trace, options->trace, error)) {
        fprintf(stderr, "rig-trace: %s: %s\n", options->trace, error);
        return EXIT_NOT_JUDGED;
    }
    say_what_is_missing(input);
    return options->elf == NULL ? EXIT_HELD : open_image(input);
}

void event_input_close(struct event_input *input)
{
    symbols_close(input->symbols);
    image_close(&input->image);
    event_trace_close(&input->trace);
    free(input->kept);
}

const struct place *event_input_place(struct event_input *input, uint64_t pc)
{
    struct kept_place *kept = &input->kept[(pc >> 2 ^ pc >> 10) % KEPT_PLACES];
    if (!kept->taken || kept->pc != pc) {
        *kept = (struct kept_place){
            .pc = pc,
            .taken = true,
            .place = symbols_place(input->symbols, aliases_fold(&input->options->aliases, pc)),
        };
    }
    return &kept->place;
}

bool event_input_opcode(const struct event_input *input, uint64_t pc, uint32_t *opcode)
{
    size_t word;
    uint64_t address = aliases_fold(&input->options->aliases, pc);
    if (input->symbols != NULL && image_word(&input->image, address, &word)) {
        *opcode = image_opcode(&input->image, word);
        return true;
    }
    return event_trace_opcode(&input->trace, pc, opcode);
}
