/* HAL: the board's console. */
#ifndef TYRNE_HAL_CONSOLE_H
#define TYRNE_HAL_CONSOLE_H

#include <stddef.h>

/*
 * Write `length` bytes, each newline as CR LF, waiting for the device. Works at any boot step, in
 * either half, before any other initialisation: the first write sets the device up.
 */
void console_write(const char *bytes, size_t length);

#endif
