#include "fake_console.h"

#include <assert.h>
#include <string.h>
#include <tyrne/hal/console.h>

static char text[32768];
static size_t used;

void fake_console_clear(void)
{
    used = 0;
    text[0] = '\0';
}

const char *fake_console_text(void)
{
    return text;
}

size_t fake_console_length(void)
{
    return used;
}

void console_write(const char *bytes, size_t length)
{
    assert(length < sizeof(text) - used);
    memcpy(&text[used], bytes, length);
    used += length;
    text[used] = '\0';
}
