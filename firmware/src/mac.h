/* Network endpoints: enumerated, and their MAC address read. */
#ifndef ARMEMU_MAC_H
#define ARMEMU_MAC_H

#include "pci.h"

/* One check line for each e1000e and virtio-net. */
void mac_check(void);
failure e1000e_read_mac(struct pci_device *device, u8 mac[6]);
failure virtio_net_read_mac(struct pci_device *device, u8 mac[6]);

#endif
