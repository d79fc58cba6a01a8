#include "pci_list.h"

#include "pci.h"
#include "print.h"

static const struct {
    u16 vendor, device;
    const char *name;
} known_devices[] = {
    {0x1b36, 0x0008, "QEMU generic PCIe host bridge"}, {0x1b36, 0x000c, "QEMU PCIe root port"},
    {0x1b36, 0x0010, "QEMU NVMe controller"},          {0x1234, 0x11e8, "edu"},
    {0x8086, 0x10d3, "Intel 82574L (e1000e)"},         {0x1af4, 0x1041, "virtio-net"},
    {0x1af4, 0x1000, "virtio-net (transitional)"},     {0x1af4, 0x1042, "virtio-blk"},
};

static const struct {
    u16 class;
    const char *name;
} known_classes[] = {
    {0x00ff, "unclassified device"}, {0x0106, "SATA controller"}, {0x0108, "NVM controller"}, {0x0100, "SCSI controller"},
    {0x0200, "Ethernet controller"}, {0x0280, "network controller"}, {0x0300, "VGA controller"}, {0x0302, "3D controller"},
    {0x0403, "audio device"}, {0x0600, "host bridge"}, {0x0604, "PCI bridge"}, {0x0c03, "USB controller"},
    {0x0c05, "SMBus controller"}, {0x1200, "processing accelerator"},
};

static const struct {
    u8 id;
    const char *name;
} known_capabilities[] = {
    {PCI_CAP_PM, "power management"}, {PCI_CAP_MSI, "MSI"}, {PCI_CAP_VENDOR, "vendor specific"},
    {PCI_CAP_PCIE, "PCI Express"},    {PCI_CAP_MSIX, "MSI-X"},
};

static const char *device_name(const struct pci_device *device)
{
    for (u32 i = 0; i < ARRAY_LENGTH(known_devices); i++) {
        if (known_devices[i].vendor == device->vendor && known_devices[i].device == device->device)
            return known_devices[i].name;
    }
    return "";
}

static const char *class_name(u16 class)
{
    for (u32 i = 0; i < ARRAY_LENGTH(known_classes); i++) {
        if (known_classes[i].class == class)
            return known_classes[i].name;
    }
    return "device";
}

static void list_bars(const struct pci_device *device)
{
    for (u32 i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &device->bar[i];
        if (bar->size == 0)
            continue;
        print("    BAR %u  %s%s%s  ", i, bar->io ? "I/O   " : "memory", bar->io ? "   " : bar->wide ? " 64" : " 32",
              bar->prefetchable ? " prefetchable" : "");
        if (bar->cpu)
            print("bus 0x%08x cpu 0x%08x size 0x%llx\n", bar->bus, bar->cpu, bar->size);
        else
            print("not assigned, size 0x%llx\n", bar->size);
    }
}

static void list_capabilities(const struct pci_device *device)
{
    u32 guard = 0;

    for (u32 at = pci_capability(device, 0, 0); at && guard < 48; at = pci_capability(device, 0, at), guard++) {
        u8 id = pci_read8(device->bdf, at);
        const char *name = "capability";
        for (u32 i = 0; i < ARRAY_LENGTH(known_capabilities); i++) {
            if (known_capabilities[i].id == id)
                name = known_capabilities[i].name;
        }
        print("    cap 0x%02x at 0x%02x  %s", id, at, name);
        if (id == PCI_CAP_MSI) {
            u16 control = pci_read16(device->bdf, at + 2);
            print(", %u message(s)%s%s", 1u << ((control >> 1) & 7), control & (1u << 7) ? ", 64-bit" : "",
                  control & (1u << 8) ? ", maskable" : "");
        } else if (id == PCI_CAP_PM) {
            print(", D%u", pci_read16(device->bdf, at + PCI_PMCSR) & PCI_PMCSR_STATE);
        } else if (id == PCI_CAP_MSIX) {
            print(", %u vectors", pci_msix_vectors(device));
        } else if (id == PCI_CAP_PCIE) {
            print(", type %u", (pci_read16(device->bdf, at + 2) >> 4) & 0xf);
        }
        print("\n");
    }
}

void pci_list(bool verbose)
{
    if (pci_device_count == 0)
        print("  no PCI functions\n");
    for (u32 i = 0; i < pci_device_count; i++) {
        const struct pci_device *device = &pci_devices[i];
        const char *name = device_name(device);
        print("  %s  %04x:%04x  class %04x  %s%s%s", pci_name(device), device->vendor, device->device, device->class,
              class_name(device->class), name[0] ? ", " : "", name);
        if (!verbose) {
            print("\n");
            continue;
        }
        print(" (rev %02x)\n    subsystem %04x:%04x  command 0x%04x  status 0x%04x\n", device->revision,
              pci_read16(device->bdf, PCI_SUBSYSTEM_VENDOR), pci_read16(device->bdf, PCI_SUBSYSTEM),
              pci_read16(device->bdf, PCI_COMMAND), pci_read16(device->bdf, PCI_STATUS));
        if (device->pin && device->intid)
            print("    INT%c, INTID %u\n", 'A' + device->pin - 1, device->intid);
        else if (device->pin)
            print("    INT%c, not in interrupt-map\n", 'A' + device->pin - 1);
        list_bars(device);
        list_capabilities(device);
    }
}

void pci_list_bars(void)
{
    for (u32 i = 0; i < pci_device_count; i++) {
        print("  %s  %04x:%04x\n", pci_name(&pci_devices[i]), pci_devices[i].vendor, pci_devices[i].device);
        list_bars(&pci_devices[i]);
    }
}
