/* How many of each object the kernel has: fixed storage, no heap (SYSTEM.md section 6). */
#ifndef TYRNE_LIMITS_H
#define TYRNE_LIMITS_H

#define MAX_TASKS          16U
#define MAX_ENDPOINTS      16U
#define MAX_NOTIFICATIONS  16U
#define MAX_ADDRESS_SPACES 8U

/* No task, where a task's index stands. */
#define TASK_NONE 0xFFU

#endif
