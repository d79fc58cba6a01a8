/* virtio over PCI, modern interface (virtio 1.1, 4.1.4), network device (5.1). */
#include "mac.h"
#include "mmio.h"

/* struct virtio_pci_cap, 4.1.4. */
#define CAP_CFG_TYPE 3
#define CAP_BAR 4
#define CAP_OFFSET 8
#define CFG_COMMON 1
#define CFG_DEVICE 4
/* struct virtio_pci_common_cfg, 4.1.4.3. */
#define DEVICE_FEATURE_SELECT 0x00
#define DEVICE_FEATURE 0x04
#define DRIVER_FEATURE_SELECT 0x08
#define DRIVER_FEATURE 0x0c
#define DEVICE_STATUS 0x14
/* 2.1 */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_FEATURES_OK 8u
/* 5.1.3, 6 */
#define VIRTIO_NET_F_MAC (1u << 5)
#define VIRTIO_F_VERSION_1 (1u << (32 - 32))
#define VIRTIO_F_ACCESS_PLATFORM (1u << (33 - 32))

static u32 structure_at(const struct pci_device *device, u8 type)
{
    for (u32 cap = pci_capability(device, PCI_CAP_VENDOR, 0); cap; cap = pci_capability(device, PCI_CAP_VENDOR, cap)) {
        u8 bar = pci_read8(device->bdf, cap + CAP_BAR);
        if (pci_read8(device->bdf, cap + CAP_CFG_TYPE) == type && bar < PCI_BARS && device->bar[bar].cpu)
            return device->bar[bar].cpu + pci_read32(device->bdf, cap + CAP_OFFSET);
    }
    return 0;
}

failure virtio_net_read_mac(struct pci_device *device, u8 mac[6])
{
    u32 common = structure_at(device, CFG_COMMON), config = structure_at(device, CFG_DEVICE);
    if (common == 0 || config == 0)
        return "no modern virtio structures (legacy device?)";
    write8(common + DEVICE_STATUS, 0);
    while (read8(common + DEVICE_STATUS) != 0)
        ;
    write8(common + DEVICE_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    write32(common + DEVICE_FEATURE_SELECT, 0);
    u32 low = read32(common + DEVICE_FEATURE);
    write32(common + DEVICE_FEATURE_SELECT, 1);
    u32 high = read32(common + DEVICE_FEATURE);
    write32(common + DRIVER_FEATURE_SELECT, 0);
    write32(common + DRIVER_FEATURE, low & VIRTIO_NET_F_MAC);
    write32(common + DRIVER_FEATURE_SELECT, 1);
    write32(common + DRIVER_FEATURE, high & (VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM));
    write8(common + DEVICE_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    bool accepted = (read8(common + DEVICE_STATUS) & STATUS_FEATURES_OK) != 0;
    for (u32 i = 0; i < 6; i++)
        mac[i] = read8(config + i);
    write8(common + DEVICE_STATUS, 0);
    if (!accepted)
        return "the device refuses the features";
    return low & VIRTIO_NET_F_MAC ? NULL : "the device offers no MAC address";
}
