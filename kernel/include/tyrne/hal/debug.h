/* HAL: what the CPU can tell about how the kernel got here. */
#ifndef TYRNE_HAL_DEBUG_H
#define TYRNE_HAL_DEBUG_H

/* Print the return addresses of the active frames, innermost first. Never faults. */
void hal_backtrace(void);

#endif
