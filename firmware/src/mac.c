#include "mac.h"

#include "check.h"
#include "print.h"
#include "str.h"

static const struct {
    u16 vendor, device;
    const char *name;
    failure (*read)(struct pci_device *device, u8 mac[6]);
} drivers[] = {
    {0x8086, 0x10d3, "e1000e", e1000e_read_mac},
    {0x1af4, 0x1041, "virtio-net", virtio_net_read_mac},
    {0x1af4, 0x1000, "virtio-net", virtio_net_read_mac},
};

static void check_device(struct pci_device *device, u32 driver)
{
    u8 mac[6] = {0};
    char title[40], bars[PCI_BARS * 16 + 1];
    u32 at = 0;
    failure reason = drivers[driver].read(device, mac);
    static const u8 none[6];

    if (!reason && (memcmp(mac, none, 6) == 0 || (mac[0] & 1)))
        reason = "not a station address";
    bars[0] = 0;
    for (u32 i = 0; i < PCI_BARS; i++) {
        if (device->bar[i].cpu)
            at += format_text(bars + at, sizeof bars - at, " BAR%u 0x%08x", i, device->bar[i].cpu);
    }
    format_text(title, sizeof title, "%s %s", pci_name(device), drivers[driver].name);
    if (reason)
        check(false, title, "%s", reason);
    else
        check(true, title, "MAC %02x:%02x:%02x:%02x:%02x:%02x%s", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], bars);
}

void mac_check(void)
{
    u32 found = 0;

    for (u32 driver = 0; driver < ARRAY_LENGTH(drivers); driver++) {
        struct pci_device *device = NULL;
        while ((device = pci_find(device, drivers[driver].vendor, drivers[driver].device))) {
            check_device(device, driver);
            found++;
        }
    }
    if (found == 0)
        check_skip("network", "no e1000e (8086:10d3) or virtio-net (1af4:1041)");
}
