/* HAL: the machine's power. */
#ifndef TYRNE_HAL_POWER_H
#define TYRNE_HAL_POWER_H

/* Switch the machine off; halts if the firmware refuses. Does not return. */
_Noreturn void power_off(void);

#endif
