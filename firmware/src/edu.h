/* The educational PCI device (QEMU docs/specs/edu). */
#ifndef ARMEMU_EDU_H
#define ARMEMU_EDU_H

#include "pci.h"

#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8

#define EDU_IDENT 0x00
#define EDU_LIVENESS 0x04
#define EDU_FACTORIAL 0x08
#define EDU_STATUS 0x20
#define EDU_STATUS_COMPUTING (1u << 0)
#define EDU_STATUS_IRQ_FACTORIAL (1u << 7)
#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_RAISE 0x60
#define EDU_IRQ_ACK 0x64
#define EDU_DMA_SOURCE 0x80
#define EDU_DMA_DESTINATION 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_COMMAND 0x98
#define EDU_DMA_RUN (1u << 0)
#define EDU_DMA_TO_RAM (1u << 1)
#define EDU_DMA_IRQ (1u << 2)
#define EDU_BUFFER 0x40000u
#define EDU_BUFFER_SIZE 4096u
/* QEMU 7.2 stops with an assertion on the last word of a full buffer. */
#define EDU_DMA_MAX 4092u
#define EDU_IRQ_FACTORIAL 0x001u
#define EDU_IRQ_DMA 0x100u

enum edu_completion { EDU_POLL, EDU_MSI, EDU_INTX };

/* The n-th edu device, or NULL. */
struct pci_device *edu_find(u32 n);
/* Attaches the interrupt handler by MSI or INTx; EDU_POLL detaches. NULL or what is missing. */
failure edu_use(struct pci_device *device, enum edu_completion completion);
/* Interrupts taken since edu_use, and the status that the last one read. */
extern volatile u32 edu_interrupts;
extern volatile u32 edu_last_status;
extern volatile u64 edu_last_ticks;
/* One transfer, waited for as edu_use has set up. `to_ram` copies from the device's buffer to the bus address. */
failure edu_transfer(struct pci_device *device, u32 bus_address, u32 count, bool to_ram);
failure edu_factorial(struct pci_device *device, u32 n, u32 *result);

/* Tests that print check lines (edu_test.c). */
void edu_test_registers(struct pci_device *device);
/* Memory decoding off, BAR moved while enabled, bus master off. */
bool edu_test_rules(struct pci_device *device);
bool edu_test_dma(struct pci_device *device, enum edu_completion completion, u32 count);
bool edu_test_msi(struct pci_device *device);
bool edu_test_intx(struct pci_device *device);
failure edu_stray(struct pci_device *device, u32 bus_address, u32 count);
failure edu_latency(struct pci_device *device, u32 count);

#endif
