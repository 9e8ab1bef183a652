/*
 * The board's RAM on the host: mapped at the board's physical addresses, so that with the host's
 * linear offset of 0 a physical address is the host's address. Pages come into being when they are
 * touched. Implements hal/memory.h.
 */
#ifndef TESTS_FAKE_RAM_H
#define TESTS_FAKE_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tyrne/types.h>

#define FAKE_RAM_START_PA 0x40000000ULL
#define FAKE_RAM_END_PA   0x48000000ULL
#define FAKE_RAM_FRAMES   ((unsigned)((FAKE_RAM_END_PA - FAKE_RAM_START_PA) / PAGE_SIZE))

/* What fake_ram_poison() fills with. */
#define FAKE_RAM_POISON 0xA5U

/* Map the RAM, filled with zeros; RAM that is mapped already is emptied. */
void fake_ram_open(void);

/* The physical address of frame `index` of the RAM. */
paddr_t fake_ram_frame(uint32_t index);

/* True if `pa` lies in the RAM. */
bool fake_ram_holds(uint64_t pa);

/* Fill [`start_pa`, `end_pa`) with FAKE_RAM_POISON, so that a frame that is not cleared shows. */
void fake_ram_poison(struct pa_range range);

/* True if each byte of the frame at `frame_pa` is `byte`. */
bool fake_ram_frame_is(paddr_t frame_pa, uint8_t byte);

/* Call `hook` (or nothing, for NULL) with each frame that hal_zero_page() has filled. */
void fake_ram_on_zero(void (*hook)(paddr_t frame_pa));

/* Call `hook` (or nothing, for NULL) with what hal_sync_code() is asked for. */
void fake_ram_on_sync(void (*hook)(paddr_t start_pa, size_t length));

/* Calls of hal_zero_page() since fake_ram_open(). */
unsigned fake_ram_zeroed(void);

#endif
