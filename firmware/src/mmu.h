/* The MMU with short descriptors (ARM DDI 0406C B3.5), everything mapped flat. */
#ifndef ARMEMU_MMU_H
#define ARMEMU_MMU_H

#include "types.h"

/* Maps the image and the device tree blob and switches the MMU and the caches on. */
void mmu_start(void);
/* Loads the translation registers and switches on; also for secondary CPUs. */
void mmu_enable(void);
/* Maps Normal write-back memory, execute-never, in sections; the image's own MiB stays as it is. */
void mmu_map_ram(u32 base, u32 size);
/* Maps Device memory, execute-never, in sections. */
void mmu_map_device(u32 base, u32 size);

#endif
