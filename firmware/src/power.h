/* PSCI (ARM DEN 0022) and the semihosting exit. */
#ifndef ARMEMU_POWER_H
#define ARMEMU_POWER_H

#include "types.h"

#define PSCI_SUCCESS 0
#define PSCI_AFFINITY_OFF 1

u32 psci_version(void);
s32 psci_cpu_on(u32 mpidr, u32 entry, u32 context);
s32 psci_affinity_info(u32 mpidr);
void psci_cpu_off(void) __attribute__((noreturn));
void power_off(void) __attribute__((noreturn));
void power_reset(void) __attribute__((noreturn));
/* Ends with this code through semihosting; where nobody answers, powers off. */
void power_exit(u32 code) __attribute__((noreturn));

#endif
