/* The host's context: which fiber, or which record, of the fake behind it. */
#ifndef TYRNE_HAL_CONTEXT_LAYOUT_H
#define TYRNE_HAL_CONTEXT_LAYOUT_H

#include <stdint.h>

struct hal_context {
    uint32_t index; /* of the task whose stack it runs on */
};

#endif
