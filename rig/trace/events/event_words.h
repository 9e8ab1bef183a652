/*
 * Events in words: the names of their kinds, of instructions' classes, and what one event says.
 */
#ifndef RIG_EVENTS_EVENT_WORDS_H
#define RIG_EVENTS_EVENT_WORDS_H

#include <stdint.h>

#include "a64_system.h"
#include "disassembly.h"
#include "event_input.h"

enum { EVENT_WORDS = 512, EVENT_CLASSES = A64_WAIT + 1 };

/* "insn", "store", ... as --kind takes them. */
const char *event_kind_name(unsigned int kind);
/* enum trace_event_kind, or 0 when the name (of `length` characters) is none. */
unsigned int event_kind_of(const char *name, size_t length);

/* "msr", "tlbi", "zva", ...; "other" for A64_OTHER. */
const char *event_class_name(enum a64_class class);

/* "EL1", or "EL?" when it is not known. */
const char *event_el_name(uint8_t el);

/*
 * What the event says: an INSN's disassembly and operand; addresses, sizes and values of the
 * others. Returns `out`.
 */
const char *event_words(const struct event_input *input, const struct disassembler *disassembler,
                        const struct trace_event *event, char out[static EVENT_WORDS]);

#endif
