/*
 * Formatted kernel output.
 *
 * Conversions: %s, %c, %u (unsigned), %x (unsigned, lower case), %lu and %lx (uint64_t), %p
 * (0x and 16 digits), %%. A minimum width with leading zeros may be given: %08x. Anything else is
 * printed as it stands, so a wrong format is visible and harmless.
 */
#ifndef TYRNE_PRINT_H
#define TYRNE_PRINT_H

/* Print to the console. Uses no static state: safe at any boot step and in a fault. */
__attribute__((format(printf, 1, 2))) void kprintf(const char *format, ...);

#endif
