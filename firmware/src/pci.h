/* PCI through ECAM (PCI Local Bus 3.0; PCI Express Base 3.0, 7.2.2). */
#ifndef ARMEMU_PCI_H
#define ARMEMU_PCI_H

#include "types.h"

/* Configuration header, PCI 3.0 figure 6-1. */
#define PCI_VENDOR_ID 0x00
#define PCI_DEVICE_ID 0x02
#define PCI_COMMAND 0x04
#define PCI_COMMAND_IO (1u << 0)
#define PCI_COMMAND_MEMORY (1u << 1)
#define PCI_COMMAND_MASTER (1u << 2)
#define PCI_COMMAND_INTX_DISABLE (1u << 10)
#define PCI_STATUS 0x06
#define PCI_STATUS_INTERRUPT (1u << 3)
#define PCI_STATUS_CAPABILITIES (1u << 4)
#define PCI_REVISION 0x08
#define PCI_CLASS 0x0a
#define PCI_HEADER_TYPE 0x0e
#define PCI_HEADER_MULTIFUNCTION 0x80u
#define PCI_HEADER_BRIDGE 1u
#define PCI_BAR0 0x10
#define PCI_BAR_IO (1u << 0)
#define PCI_BAR_TYPE_64 (2u << 1)
#define PCI_BAR_PREFETCHABLE (1u << 3)
#define PCI_SUBSYSTEM_VENDOR 0x2c
#define PCI_SUBSYSTEM 0x2e
#define PCI_CAPABILITY_POINTER 0x34
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN 0x3d
/* Type 1 header, PCI-to-PCI Bridge 1.2, 3.2. */
#define PCI_PRIMARY_BUS 0x18
#define PCI_SECONDARY_BUS 0x19
#define PCI_SUBORDINATE_BUS 0x1a
#define PCI_IO_BASE 0x1c
#define PCI_IO_LIMIT 0x1d
#define PCI_MEMORY_BASE 0x20
#define PCI_MEMORY_LIMIT 0x22
#define PCI_PREFETCH_BASE 0x24
#define PCI_PREFETCH_LIMIT 0x26
#define PCI_IO_BASE_HIGH 0x30
#define PCI_IO_LIMIT_HIGH 0x32
/* Capability identifiers, PCI 3.0 appendix H. */
#define PCI_CAP_PM 0x01
#define PCI_CAP_MSI 0x05
/* PCI Power Management 1.2, 3.2.4. */
#define PCI_PMCSR 0x04
#define PCI_PMCSR_STATE 3u
#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_PCIE 0x10
#define PCI_CAP_MSIX 0x11

#define PCI_MAX_DEVICES 32
#define PCI_BARS 6

struct pci_bar {
    u64 size; /* 0: not implemented */
    u32 bus;  /* address on the PCI bus */
    u32 cpu;  /* the same for the CPU; 0: not assigned */
    bool io, wide, prefetchable;
};

struct pci_device {
    u16 bdf;
    u16 vendor, device;
    u16 class;
    u8 revision, header_type;
    u8 pin;    /* 0: none, 1..4: INTA..INTD */
    u32 intid; /* where the INTx line ends at the GIC; 0: nowhere */
    struct pci_bar bar[PCI_BARS];
    u32 msi_intid;
};

extern struct pci_device pci_devices[PCI_MAX_DEVICES];
extern u32 pci_device_count;

u32 pci_read32(u16 bdf, u32 offset);
u16 pci_read16(u16 bdf, u32 offset);
u8 pci_read8(u16 bdf, u32 offset);
void pci_write32(u16 bdf, u32 offset, u32 value);
void pci_write16(u16 bdf, u32 offset, u16 value);
void pci_write8(u16 bdf, u32 offset, u8 value);

/* Finds all functions, assigns BARs, routes INTx. Interrupts stay disabled, memory decoding and bus master come on. */
void pci_start(void);
/* The next device with this identity after `after` (NULL: the first). */
struct pci_device *pci_find(const struct pci_device *after, u16 vendor, u16 device);
struct pci_device *pci_find_class(const struct pci_device *after, u16 class);
struct pci_device *pci_at(u16 bdf);
/* Offset of the next capability with this identifier after `after` (0: the first); 0 when there is none. */
u32 pci_capability(const struct pci_device *device, u8 id, u32 after);
void pci_command(const struct pci_device *device, u16 set, u16 clear);
/* Moves one BAR to a bus address, without turning decoding off. False when the size or the window doesn't allow it. */
bool pci_move_bar(struct pci_device *device, u32 index, u32 bus_address);
/* "00:02.0" */
const char *pci_name(const struct pci_device *device);
bool pci_parse_bdf(const char *text, u16 *bdf);

/* One message by MSI to the INTID; false when the device has no MSI. */
bool pci_msi_enable(struct pci_device *device, u32 intid);
void pci_msi_disable(struct pci_device *device);
/* MSI-X, PCI 3.0 6.8.2. */
u32 pci_msix_vectors(const struct pci_device *device);
bool pci_msix_enable(struct pci_device *device);
void pci_msix_set(struct pci_device *device, u32 vector, u32 intid);
void pci_msix_mask(struct pci_device *device, u32 vector, bool masked);
bool pci_msix_pending(struct pci_device *device, u32 vector);

#endif
