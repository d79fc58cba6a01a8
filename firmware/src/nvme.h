/* NVM Express (base specification 1.4): one controller, an admin and an I/O queue pair, completion by MSI-X. */
#ifndef ARMEMU_NVME_H
#define ARMEMU_NVME_H

#include "types.h"

failure nvme_identify(void);
/* Reads a block and prints it with its CRC-32; to `address` (0: a buffer of the firmware). */
failure nvme_read(u32 lba, u32 address);
failure nvme_write(u32 lba, u32 address);
/* Reads a block to any bus address and says what the controller reports. */
failure nvme_stray(u32 bus_address, u32 lba);
/* Check lines: identify, a block read. */
void nvme_check(void);

#endif
