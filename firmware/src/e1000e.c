/* Intel 82574L (datasheet 316080, 10.2.5.22: Receive Address Low/High; the first one is loaded from the NVM). */
#include "mac.h"
#include "mmio.h"
#include "timer.h"

#define CTRL 0x0000
#define CTRL_RST (1u << 26)
#define RAL0 0x5400
#define RAH0 0x5404
#define RAH_AV (1u << 31)
#define IMC 0x00d8
#define RESET_TIMEOUT_MS 2000

failure e1000e_read_mac(struct pci_device *device, u8 mac[6])
{
    u32 base = device->bar[0].cpu;
    if (base == 0)
        return "BAR 0 is not assigned";
    write32(base + IMC, 0xffffffff);
    u32 low = read32(base + RAL0), high = read32(base + RAH0);
    if (!(high & RAH_AV)) {
        /* A driver before us may have cleared it; a reset loads the NVM's address again. */
        write32(base + CTRL, read32(base + CTRL) | CTRL_RST);
        timer_sleep(10);
        u64 deadline = timer_deadline(RESET_TIMEOUT_MS);
        do {
            low = read32(base + RAL0);
            high = read32(base + RAH0);
        } while (!(high & RAH_AV) && !timer_passed(deadline));
        if (!(high & RAH_AV))
            return "no valid receive address after a reset";
    }
    for (u32 i = 0; i < 4; i++)
        mac[i] = (u8)(low >> (8 * i));
    mac[4] = (u8)high;
    mac[5] = (u8)(high >> 8);
    return NULL;
}
