#ifndef ARMEMU_PCI_LIST_H
#define ARMEMU_PCI_LIST_H

#include "types.h"

/* One line for each function; with `verbose` BARs, interrupt and capabilities too. */
void pci_list(bool verbose);
void pci_list_bars(void);

#endif
