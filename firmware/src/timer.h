/* Generic Timer (ARM DDI 0406C chapter B8): time, waiting, and the two timers' interrupts. */
#ifndef ARMEMU_TIMER_H
#define ARMEMU_TIMER_H

#include "types.h"

/* The virtual timer wakes waiting code; its handler is attached here. */
void timer_start(void);
u32 timer_frequency(void);
u64 timer_ticks(void);
u32 timer_ticks_to_us(u64 ticks);
/* Sleeps in WFI until *counter >= target, the time is over, or Ctrl-C; true when the target was reached. */
bool timer_wait_count(volatile u32 *counter, u32 target, u32 milliseconds);
/* Sleeps in WFI until the time is over, or Ctrl-C; answers the number of wake-ups. */
u32 timer_sleep(u32 milliseconds);
/* A moment from now, for polling loops. */
u64 timer_deadline(u32 milliseconds);
bool timer_passed(u64 deadline);
/* Fires the timer `count` times, `microseconds` apart; answers the interrupts taken. */
u32 timer_count_virtual(u32 count, u32 microseconds);
u32 timer_count_physical(u32 count, u32 microseconds);

#endif
