#ifndef ARMEMU_SMP_H
#define ARMEMU_SMP_H

/* Check lines: each other CPU is switched on by PSCI, counts together with this one, answers an SGI, and goes off. */
void smp_check(void);

#endif
