#include "fake_board.h"

#include "fake_ram.h"

#include <assert.h>
#include <string.h>
#include <tyrne/hal/board.h>

#define IMAGE_PA     (FAKE_RAM_START_PA + 0x80000U)
#define IMAGE_END_PA (FAKE_RAM_START_PA + 0x100000U)

static struct pa_range reserved_ranges[2];
static size_t reserved_count;

#define PROGRAMS 2U

static struct user_image programs[PROGRAMS];
static unsigned program_count;
static uint64_t next_program_pa;

void fake_board_reset(void)
{
    program_count = 0;
    next_program_pa = IMAGE_PA;
    reserved_ranges[0] = (struct pa_range){{FAKE_RAM_START_PA}, {IMAGE_PA}};
    reserved_ranges[1] = (struct pa_range){{IMAGE_PA}, {IMAGE_END_PA}};
    reserved_count = 2;
}

void fake_board_reserve(struct pa_range range)
{
    reserved_ranges[0] = range;
    reserved_count = 1;
}

void fake_board_program(const void *bytes, size_t size)
{
    void *to = (void *)(uintptr_t)next_program_pa;

    assert(program_count < PROGRAMS && size <= IMAGE_END_PA - next_program_pa);
    memcpy(to, bytes, size);
    programs[program_count] = (struct user_image){to, size};
    program_count++;
    next_program_pa += (size + PAGE_SIZE - 1U) / PAGE_SIZE * PAGE_SIZE;
}

unsigned hal_board_program_count(void)
{
    return program_count;
}

struct user_image hal_board_program(unsigned index)
{
    assert(index < program_count);
    return programs[index];
}

struct pa_range hal_board_ram(void)
{
    return (struct pa_range){{FAKE_RAM_START_PA}, {FAKE_RAM_END_PA}};
}

size_t hal_board_reserved(struct pa_range *ranges, size_t max)
{
    for (size_t i = 0; i < reserved_count && i < max; i++) {
        ranges[i] = reserved_ranges[i];
    }
    return reserved_count;
}
