/* MSI (PCI 3.0, 6.8.1) and MSI-X (6.8.2). */
#include "arm.h"
#include "gic.h"
#include "mmio.h"
#include "pci.h"

#define MSI_CONTROL 0x02
#define MSI_CONTROL_ENABLE (1u << 0)
#define MSI_CONTROL_MULTIPLE_ENABLE (7u << 4)
#define MSI_CONTROL_64 (1u << 7)
#define MSI_CONTROL_MASKABLE (1u << 8)
#define MSI_ADDRESS 0x04
#define MSI_ADDRESS_HIGH 0x08

#define MSIX_CONTROL 0x02
#define MSIX_CONTROL_SIZE 0x7ffu
#define MSIX_CONTROL_FUNCTION_MASK (1u << 14)
#define MSIX_CONTROL_ENABLE (1u << 15)
#define MSIX_TABLE 0x04
#define MSIX_PBA 0x08
#define MSIX_BIR 7u
#define MSIX_ENTRY_SIZE 16u
#define MSIX_ENTRY_ADDRESS 0x0
#define MSIX_ENTRY_ADDRESS_HIGH 0x4
#define MSIX_ENTRY_DATA 0x8
#define MSIX_ENTRY_CONTROL 0xc
#define MSIX_ENTRY_MASKED 1u

bool pci_msi_enable(struct pci_device *device, u32 intid)
{
    u32 cap = pci_capability(device, PCI_CAP_MSI, 0);
    if (!cap)
        return false;
    u16 control = pci_read16(device->bdf, cap + MSI_CONTROL);
    u32 data = cap + (control & MSI_CONTROL_64 ? 0x0c : 0x08);

    control &= (u16)~(MSI_CONTROL_ENABLE | MSI_CONTROL_MULTIPLE_ENABLE);
    pci_write16(device->bdf, cap + MSI_CONTROL, control);
    pci_write32(device->bdf, cap + MSI_ADDRESS, v2m_doorbell());
    if (control & MSI_CONTROL_64)
        pci_write32(device->bdf, cap + MSI_ADDRESS_HIGH, 0);
    pci_write16(device->bdf, data, (u16)intid);
    if (control & MSI_CONTROL_MASKABLE)
        pci_write32(device->bdf, data + 4, 0);
    pci_write16(device->bdf, cap + MSI_CONTROL, control | MSI_CONTROL_ENABLE);
    device->msi_intid = intid;
    return true;
}

void pci_msi_disable(struct pci_device *device)
{
    u32 cap = pci_capability(device, PCI_CAP_MSI, 0);
    if (!cap)
        return;
    u16 control = pci_read16(device->bdf, cap + MSI_CONTROL);
    pci_write16(device->bdf, cap + MSI_CONTROL, control & (u16)~MSI_CONTROL_ENABLE);
    device->msi_intid = 0;
}

/* CPU address of a structure that the capability register at `offset` names; 0 when its BAR is not assigned. */
static u32 structure_at(const struct pci_device *device, u32 offset)
{
    u32 cap = pci_capability(device, PCI_CAP_MSIX, 0);
    u32 where = cap ? pci_read32(device->bdf, cap + offset) : MSIX_BIR;
    u32 bar = where & MSIX_BIR;
    return bar < PCI_BARS && device->bar[bar].cpu ? device->bar[bar].cpu + (where & ~MSIX_BIR) : 0;
}

u32 pci_msix_vectors(const struct pci_device *device)
{
    u32 cap = pci_capability(device, PCI_CAP_MSIX, 0);
    return cap ? (pci_read16(device->bdf, cap + MSIX_CONTROL) & MSIX_CONTROL_SIZE) + 1 : 0;
}

static void msix_control(const struct pci_device *device, u16 set, u16 clear)
{
    u32 cap = pci_capability(device, PCI_CAP_MSIX, 0);
    u16 control = pci_read16(device->bdf, cap + MSIX_CONTROL);
    pci_write16(device->bdf, cap + MSIX_CONTROL, (u16)((control & ~clear) | set));
}

bool pci_msix_enable(struct pci_device *device)
{
    if (pci_msix_vectors(device) == 0 || structure_at(device, MSIX_TABLE) == 0)
        return false;
    msix_control(device, MSIX_CONTROL_ENABLE | MSIX_CONTROL_FUNCTION_MASK, 0);
    for (u32 i = 0; i < pci_msix_vectors(device); i++)
        pci_msix_mask(device, i, true);
    msix_control(device, 0, MSIX_CONTROL_FUNCTION_MASK);
    return true;
}

void pci_msix_set(struct pci_device *device, u32 vector, u32 intid)
{
    u32 entry = structure_at(device, MSIX_TABLE) + vector * MSIX_ENTRY_SIZE;

    pci_msix_mask(device, vector, true);
    write32(entry + MSIX_ENTRY_ADDRESS, v2m_doorbell());
    write32(entry + MSIX_ENTRY_ADDRESS_HIGH, 0);
    write32(entry + MSIX_ENTRY_DATA, intid);
    pci_msix_mask(device, vector, false);
}

void pci_msix_mask(struct pci_device *device, u32 vector, bool masked)
{
    u32 control = structure_at(device, MSIX_TABLE) + vector * MSIX_ENTRY_SIZE + MSIX_ENTRY_CONTROL;
    u32 value = read32(control) & ~MSIX_ENTRY_MASKED;

    write32(control, masked ? value | MSIX_ENTRY_MASKED : value);
    (void)read32(control);
}

bool pci_msix_pending(struct pci_device *device, u32 vector)
{
    return (read32(structure_at(device, MSIX_PBA) + vector / 32 * 4) >> (vector % 32)) & 1;
}
