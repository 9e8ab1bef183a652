#include "words.h"

#include <stdarg.h>
#include <stdio.h>

struct words words_begin(char *text, size_t size)
{
    text[0] = '\0';
    return (struct words){.text = text, .size = size};
}

static void add_list(struct words *words, const char *format, va_list arguments)
{
    int length = vsnprintf(words->text + words->used, words->size - words->used, format, arguments);
    size_t wanted = length < 0 ? 0 : (size_t)length;
    size_t room = words->size - words->used - 1;
    words->used += wanted < room ? wanted : room;
}

void words_add(struct words *words, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_list(words, format, arguments);
    va_end(arguments);
}

void words_list(struct words *words, const char *format, ...)
{
    va_list arguments;
    if (words->used > 0) {
        words_add(words, ", ");
    }
    va_start(arguments, format);
    add_list(words, format, arguments);
    va_end(arguments);
}
