/* Addresses for BARs and bridge windows: a bump allocator over the host bridge's windows, largest BAR of a bus first. */
#ifndef ARMEMU_PCI_ASSIGN_H
#define ARMEMU_PCI_ASSIGN_H

#include "pci.h"

void pci_assign_start(void);
/* Assigns the BARs of pci_devices[first..end). */
void pci_assign_bus(u32 first, u32 end);
/* Between these two, everything that is assigned lies behind the bridge. */
void pci_assign_bridge_begin(const struct pci_device *bridge);
void pci_assign_bridge_end(const struct pci_device *bridge);

#endif
