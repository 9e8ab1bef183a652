#include "phrase.h"

#include <stdarg.h>
#include <stdio.h>

struct phrase phrase_begin(char *text, size_t size)
{
    text[0] = '\0';
    return (struct phrase){.text = text, .size = size};
}

/* Take in what vsnprintf wanted to write at the end. */
static void settle(struct phrase *phrase, int length)
{
    size_t wanted = length < 0 ? 0 : (size_t)length;
    size_t room = phrase->size - phrase->used - 1;
    phrase->used += wanted < room ? wanted : room;
}

void phrase_add(struct phrase *phrase, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    settle(phrase,
           vsnprintf(phrase->text + phrase->used, phrase->size - phrase->used, format, arguments));
    va_end(arguments);
}

void phrase_list(struct phrase *phrase, const char *format, ...)
{
    va_list arguments;
    if (phrase->used > 0) {
        phrase_add(phrase, ", ");
    }
    va_start(arguments, format);
    settle(phrase,
           vsnprintf(phrase->text + phrase->used, phrase->size - phrase->used, format, arguments));
    va_end(arguments);
}
