#include "phrase.h"

#include <stdarg.h>
#include <stdio.h>

struct phrase phrase_begin(char *text, size_t size)
{
    text[0] = '\0';
    return (struct phrase){.text = text, .size = size};
}

static void add_all(struct phrase *phrase, const char *format, va_list arguments)
{
    char *end = phrase->text + phrase->used;
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is in the callers
    int length = vsnprintf(end, phrase->size - phrase->used, format, arguments);
    size_t wanted = length < 0 ? 0 : (size_t)length;
    size_t room = phrase->size - phrase->used - 1;
    phrase->used += wanted < room ? wanted : room;
}

void phrase_add(struct phrase *phrase, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_all(phrase, format, arguments);
    va_end(arguments);
}

void phrase_list(struct phrase *phrase, const char *format, ...)
{
    va_list arguments;
    if (phrase->used > 0) {
        phrase_add(phrase, ", ");
    }
    va_start(arguments, format);
    add_all(phrase, format, arguments);
    va_end(arguments);
}
