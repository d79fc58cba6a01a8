/* NVM Express (base specification 1.4): one controller, an admin and an I/O queue pair, completion by MSI-X. */
#ifndef ARMEMU_NVME_H
#define ARMEMU_NVME_H

#include "pci.h"

failure nvme_identify(void);
/* Reads a block and prints it with its CRC-32; to `address` (0: a buffer of the firmware). */
failure nvme_read(u32 lba, u32 address);
failure nvme_write(u32 lba, u32 address);
/* Reads a block to any bus address and says what the controller reports. */
failure nvme_stray(u32 bus_address, u32 lba);
/* The controller, or NULL; its queues and buffer are one piece of RAM. */
struct pci_device *nvme_find(void);
u32 nvme_memory(u32 *size);
/* Starts the controller anew, with this piece at another bus address. */
failure nvme_restart(u64 bus_address);
/* One block to a bus address, or from there onto the drive. What the controller reports is no proof of anything. */
failure nvme_store(u64 bus_address, u32 lba);
failure nvme_fetch(u64 bus_address, u32 lba);
u32 nvme_block_size(void);
/* So many reads of 4 KiB from all over the drive, `depth` of them at a time, by MSI-X: the time that they took. */
failure nvme_read_randomly(u32 count, u32 depth, u32 *microseconds);
/* Check lines: identify, a block read. */
void nvme_check(void);

#endif
