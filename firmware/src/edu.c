#include "edu.h"

#include "arm.h"
#include "board.h"
#include "gic.h"
#include "mmio.h"
#include "timer.h"

#define TRANSFER_TIMEOUT_MS 10000

volatile u32 edu_interrupts;
volatile u32 edu_last_status;
volatile u64 edu_last_ticks;

static struct pci_device *active;
static enum edu_completion active_completion;

struct pci_device *edu_find(u32 n)
{
    struct pci_device *device = pci_find(NULL, EDU_VENDOR, EDU_DEVICE);

    while (device && n-- > 0)
        device = pci_find(device, EDU_VENDOR, EDU_DEVICE);
    return device && device->bar[0].cpu ? device : NULL;
}

static u32 edu_read(const struct pci_device *device, u32 offset)
{
    return read32(device->bar[0].cpu + offset);
}

static void edu_write(const struct pci_device *device, u32 offset, u32 value)
{
    write32(device->bar[0].cpu + offset, value);
}

static void edu_interrupt(void *argument)
{
    struct pci_device *device = argument;
    u64 now = timer_ticks();
    u32 status = edu_read(device, EDU_IRQ_STATUS);

    edu_write(device, EDU_IRQ_ACK, status);
    /* The acknowledge must have reached the device before the line is looked at again: read it back. */
    (void)edu_read(device, EDU_IRQ_STATUS);
    edu_last_ticks = now;
    edu_last_status = status;
    edu_interrupts++;
}

static void release(void)
{
    if (!active)
        return;
    if (active_completion == EDU_MSI) {
        u32 intid = active->msi_intid;
        pci_msi_disable(active);
        gic_detach(intid);
        v2m_free(intid, 1);
    } else if (active_completion == EDU_INTX) {
        pci_command(active, PCI_COMMAND_INTX_DISABLE, 0);
        gic_detach(active->intid);
    }
    active = NULL;
}

failure edu_use(struct pci_device *device, enum edu_completion completion)
{
    release();
    edu_write(device, EDU_IRQ_ACK, edu_read(device, EDU_IRQ_STATUS));
    edu_interrupts = 0;
    edu_last_status = 0;
    if (completion != EDU_POLL && !board_has_gic())
        return "no interrupt controller";
    if (completion == EDU_MSI) {
        u32 intid = v2m_allocate(1);
        if (intid == 0)
            return "no MSI frame, or no free SPI in it";
        gic_attach(intid, GIC_EDGE, edu_interrupt, device);
        if (!pci_msi_enable(device, intid)) {
            gic_detach(intid);
            v2m_free(intid, 1);
            return "the device has no MSI capability";
        }
    } else if (completion == EDU_INTX) {
        if (device->intid == 0)
            return "interrupt-map has no entry for the device's pin";
        gic_attach(device->intid, GIC_LEVEL, edu_interrupt, device);
        pci_command(device, 0, PCI_COMMAND_INTX_DISABLE);
    }
    active = device;
    active_completion = completion;
    return NULL;
}

failure edu_transfer(struct pci_device *device, u32 bus_address, u32 count, bool to_ram)
{
    bool by_interrupt = active == device && active_completion != EDU_POLL;
    u32 target = edu_interrupts + 1;

    edu_write(device, EDU_DMA_SOURCE, to_ram ? EDU_BUFFER : bus_address);
    edu_write(device, EDU_DMA_DESTINATION, to_ram ? bus_address : EDU_BUFFER);
    edu_write(device, EDU_DMA_COUNT, count);
    /* What the device will read must be in memory before the doorbell. */
    dsb();
    edu_write(device, EDU_DMA_COMMAND, EDU_DMA_RUN | (to_ram ? EDU_DMA_TO_RAM : 0) | (by_interrupt ? EDU_DMA_IRQ : 0));
    if (by_interrupt) {
        if (!timer_wait_count(&edu_interrupts, target, TRANSFER_TIMEOUT_MS))
            return "no interrupt at the end of the transfer";
        if (!(edu_last_status & EDU_IRQ_DMA))
            return "an interrupt, but its status doesn't say DMA";
    }
    u64 deadline = timer_deadline(TRANSFER_TIMEOUT_MS);
    while (edu_read(device, EDU_DMA_COMMAND) & EDU_DMA_RUN) {
        if (timer_passed(deadline))
            return "the transfer doesn't end";
    }
    dsb();
    return NULL;
}

failure edu_factorial(struct pci_device *device, u32 n, u32 *result)
{
    bool by_interrupt = active == device && active_completion != EDU_POLL;
    u32 target = edu_interrupts + 1;

    edu_write(device, EDU_STATUS, by_interrupt ? EDU_STATUS_IRQ_FACTORIAL : 0);
    edu_write(device, EDU_FACTORIAL, n);
    if (by_interrupt && !timer_wait_count(&edu_interrupts, target, TRANSFER_TIMEOUT_MS))
        return "no interrupt when the factorial was ready";
    u64 deadline = timer_deadline(TRANSFER_TIMEOUT_MS);
    while (edu_read(device, EDU_STATUS) & EDU_STATUS_COMPUTING) {
        if (timer_passed(deadline))
            return "the computing bit doesn't clear";
    }
    *result = edu_read(device, EDU_FACTORIAL);
    edu_write(device, EDU_STATUS, 0);
    if (by_interrupt && !(edu_last_status & EDU_IRQ_FACTORIAL))
        return "an interrupt, but its status doesn't say factorial";
    return NULL;
}
