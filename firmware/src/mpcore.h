/* Timers of a Cortex-A9 MPCore (ARM DDI 0407G table 1-3 and chapter 4), by offset in its private region. */
#ifndef ARMEMU_MPCORE_H
#define ARMEMU_MPCORE_H

/* Global timer: 64 bits, counts up. */
#define MPCORE_GLOBAL_LOW 0x200u
#define MPCORE_GLOBAL_HIGH 0x204u
#define MPCORE_GLOBAL_CONTROL 0x208u
#define MPCORE_GLOBAL_ENABLE (1u << 0)
/* Private timer of the CPU that looks: 32 bits, counts down. */
#define MPCORE_PRIVATE_TIMER 0x600u
#define MPCORE_PRIVATE_LOAD 0x600u
#define MPCORE_PRIVATE_CONTROL 0x608u
#define MPCORE_PRIVATE_ENABLE (1u << 0)
#define MPCORE_PRIVATE_IRQ (1u << 2)
#define MPCORE_PRIVATE_STATUS 0x60cu

#endif
