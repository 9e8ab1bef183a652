/* HAL: what the board is made of. */
#ifndef TYRNE_HAL_BOARD_H
#define TYRNE_HAL_BOARD_H

#include <stddef.h>
#include <tyrne/types.h>
#include <tyrne/user.h>

/* The user programs that the image carries: how many, and the one with `index` below that. */
unsigned hal_board_program_count(void);
struct user_image hal_board_program(unsigned index);

/* The RAM that the kernel manages. */
struct pa_range hal_board_ram(void);

/*
 * Physical ranges of RAM that are never free: below the image, the image, boot tables, stacks.
 * Writes at most `max` to `ranges`, returns how many there are.
 */
size_t hal_board_reserved(struct pa_range *ranges, size_t max);

#endif
