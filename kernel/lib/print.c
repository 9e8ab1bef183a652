#include <tyrne/print.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tyrne/hal/console.h>

/* One conversion of a format: what stands between '%' and its letter. */
struct conversion {
    unsigned width;
    bool is_long;
    char letter;
};

/* The longest number: 20 decimal digits of a 64-bit value. */
#define NUMBER_MAX 20U

static void put_string(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0') {
        length++;
    }
    console_write(text, length);
}

static void put_number(uint64_t value, unsigned base, unsigned width)
{
    char digits[NUMBER_MAX];
    unsigned at = NUMBER_MAX;

    if (width > NUMBER_MAX) {
        width = NUMBER_MAX;
    }
    do {
        unsigned digit = (unsigned)(value % base);

        digits[--at] = (char)(digit < 10 ? '0' + digit : 'a' + (digit - 10));
        value /= base;
    } while (value != 0);
    while (NUMBER_MAX - at < width) {
        digits[--at] = '0';
    }
    console_write(&digits[at], NUMBER_MAX - at);
}

/* Parse the conversion after '%' at `format`; returns the number of characters it takes. */
static size_t parse_conversion(const char *format, struct conversion *out)
{
    size_t at = 0;

    *out = (struct conversion){0, false, '\0'};
    while (format[at] >= '0' && format[at] <= '9' && out->width < 100) {
        out->width = out->width * 10 + (unsigned)(format[at] - '0');
        at++;
    }
    if (format[at] == 'l') {
        out->is_long = true;
        at++;
    }
    out->letter = format[at];
    return out->letter == '\0' ? at : at + 1;
}

/* Print one conversion; false if its letter is not one of ours. */
static bool put_conversion(const struct conversion *conversion, va_list *arguments)
{
    uint64_t value;
    char character;

    switch (conversion->letter) {
    case 's':
        put_string(va_arg(*arguments, const char *));
        return true;
    case 'c':
        character = (char)va_arg(*arguments, int);
        console_write(&character, 1);
        return true;
    case 'p':
        put_string("0x");
        put_number((uint64_t)(uintptr_t)va_arg(*arguments, void *), 16, 16);
        return true;
    case 'u':
    case 'x':
        value = conversion->is_long ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned);
        put_number(value, conversion->letter == 'u' ? 10 : 16, conversion->width);
        return true;
    case '%':
        console_write("%", 1);
        return true;
    default:
        return false;
    }
}

void kprintf(const char *format, ...)
{
    va_list arguments;
    size_t start = 0;
    size_t at = 0;

    va_start(arguments, format);
    while (format[at] != '\0') {
        struct conversion conversion;
        size_t taken;

        if (format[at] != '%') {
            at++;
            continue;
        }
        console_write(&format[start], at - start);
        taken = parse_conversion(&format[at + 1], &conversion) + 1;
        if (!put_conversion(&conversion, &arguments)) {
            console_write(&format[at], taken);
        }
        at += taken;
        start = at;
    }
    console_write(&format[start], at - start);
    va_end(arguments);
}
