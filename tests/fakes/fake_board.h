/* A board with the RAM of fake_ram.h, of which the test says what is reserved. */
#ifndef TESTS_FAKE_BOARD_H
#define TESTS_FAKE_BOARD_H

#include <stddef.h>
#include <tyrne/types.h>

/* As on the board: what lies below the image, and an image of 512 KiB; no user program. */
void fake_board_reset(void);

/* One reserved range instead. */
void fake_board_reserve(struct pa_range range);

/* The kernel's image carries one more user program: a copy of `bytes`, on a page boundary. */
void fake_board_program(const void *bytes, size_t size);

#endif
