/* Intel 82574L (datasheet 316080): frames that go through the card and back, by its MAC loopback (10.2.5.1, RCTL.LBM). */
#ifndef ARMEMU_E1000E_LOOP_H
#define ARMEMU_E1000E_LOOP_H

#include "../src/pci.h"

struct pci_device *e1000e_find(void);
/* Rings and buffers, one piece of RAM. */
u32 e1000e_memory(u32 *size);
/* Sends `count` frames of `length` bytes (without CRC) and receives each, with that piece at a bus address; the time that it took. */
failure e1000e_loop(u64 bus_address, u32 count, u32 length, u32 *microseconds);

#endif
