#include "pci.h"

#include "board.h"
#include "fdt.h"
#include "mmio.h"
#include "pci_assign.h"
#include "print.h"
#include "str.h"
#include "timer.h"

#define D3_RECOVERY_MS 10 /* PCI Power Management 1.2, 5.6.1 */
#define BDF(bus, device, function) ((u16)(((bus) << 8) | ((device) << 3) | (function)))

struct pci_device pci_devices[PCI_MAX_DEVICES];
u32 pci_device_count;

static u32 ecam(u16 bdf, u32 offset)
{
    return board.ecam_base + ((u32)bdf << 12) + offset;
}

u32 pci_read32(u16 bdf, u32 offset) { return read32(ecam(bdf, offset)); }
u16 pci_read16(u16 bdf, u32 offset) { return read16(ecam(bdf, offset)); }
u8 pci_read8(u16 bdf, u32 offset) { return read8(ecam(bdf, offset)); }
void pci_write32(u16 bdf, u32 offset, u32 value) { write32(ecam(bdf, offset), value); }
void pci_write16(u16 bdf, u32 offset, u16 value) { write16(ecam(bdf, offset), value); }
void pci_write8(u16 bdf, u32 offset, u8 value) { write8(ecam(bdf, offset), value); }

void pci_command(const struct pci_device *device, u16 set, u16 clear)
{
    u16 command = pci_read16(device->bdf, PCI_COMMAND);
    pci_write16(device->bdf, PCI_COMMAND, (u16)((command & ~clear) | set));
}

/* Sizes the BARs (PCI 3.0, 6.2.5.1) with decoding off, so that the ones written match nowhere. */
static void size_bars(struct pci_device *device, u32 bars)
{
    pci_command(device, 0, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    for (u32 i = 0; i < bars; i++) {
        struct pci_bar *bar = &device->bar[i];
        u32 offset = PCI_BAR0 + 4 * i;
        u32 before = pci_read32(device->bdf, offset);
        pci_write32(device->bdf, offset, 0xffffffff);
        u32 mask = pci_read32(device->bdf, offset);
        pci_write32(device->bdf, offset, before);
        if (mask == 0)
            continue;
        if (mask & PCI_BAR_IO) {
            bar->io = true;
            /* I/O BARs may implement 16 address bits only. */
            bar->size = (~((mask & ~3u) | 0xffff0000u) & 0xffff) + 1;
            continue;
        }
        bar->prefetchable = (mask & PCI_BAR_PREFETCHABLE) != 0;
        bar->wide = (mask & (3u << 1)) == PCI_BAR_TYPE_64;
        u32 high = 0xffffffff;
        if (bar->wide) {
            pci_write32(device->bdf, offset + 4, 0xffffffff);
            high = pci_read32(device->bdf, offset + 4);
            pci_write32(device->bdf, offset + 4, 0);
            i++;
        }
        bar->size = ~(((u64)high << 32) | (mask & ~0xfu)) + 1;
        if (!bar->wide)
            bar->size &= 0xffffffff;
    }
}

/* A function left in D3hot answers nothing but configuration accesses (PCI Power Management 1.2, 5.4.1). */
static void wake(const struct pci_device *device)
{
    u32 cap = pci_capability(device, PCI_CAP_PM, 0);
    u16 state = cap ? pci_read16(device->bdf, cap + PCI_PMCSR) : 0;

    if (state & PCI_PMCSR_STATE) {
        pci_write16(device->bdf, cap + PCI_PMCSR, state & (u16)~PCI_PMCSR_STATE);
        timer_sleep(D3_RECOVERY_MS);
    }
}

static struct pci_device *add_function(u16 bdf)
{
    if (pci_device_count == PCI_MAX_DEVICES) {
        print("pci: more than %u functions, the rest is not used\n", PCI_MAX_DEVICES);
        return NULL;
    }
    struct pci_device *device = &pci_devices[pci_device_count++];
    memset(device, 0, sizeof *device);
    device->bdf = bdf;
    device->vendor = pci_read16(bdf, PCI_VENDOR_ID);
    device->device = pci_read16(bdf, PCI_DEVICE_ID);
    device->class = pci_read16(bdf, PCI_CLASS);
    device->revision = pci_read8(bdf, PCI_REVISION);
    device->header_type = pci_read8(bdf, PCI_HEADER_TYPE) & 0x7f;
    device->pin = pci_read8(bdf, PCI_INTERRUPT_PIN);
    wake(device);
    pci_command(device, PCI_COMMAND_INTX_DISABLE, PCI_COMMAND_MASTER);
    size_bars(device, device->header_type == PCI_HEADER_BRIDGE ? 2 : PCI_BARS);
    return device;
}

/* INTID of a pin of a device on the root bus, from interrupt-map (PCI bus binding; Devicetree Specification 2.4.3). */
static u32 route_pin(u32 slot, u32 pin)
{
    u32 length, mask_length;
    const void *map = fdt_property(board.pcie_node, "interrupt-map", &length);
    const void *mask = fdt_property(board.pcie_node, "interrupt-map-mask", &mask_length);
    if (!map || !mask || mask_length < 16)
        return 0;
    u32 address = (slot << 11) & fdt_cell(mask, 0);
    pin &= fdt_cell(mask, 3);
    for (u32 at = 0; (at + 5) * 4 <= length;) {
        u32 parent = fdt_with_phandle(fdt_cell(map, at + 4));
        u32 skip = fdt_u32(parent, "#address-cells", 0);
        u32 cells = fdt_u32(parent, "#interrupt-cells", 3);
        u32 specifier = at + 5 + skip;
        if (fdt_cell(map, at) == address && fdt_cell(map, at + 3) == pin && cells >= 3)
            return fdt_cell(map, specifier + 1) + (fdt_cell(map, specifier) == 0 ? 32 : 16);
        at = specifier + cells;
    }
    return 0;
}

/* Scans one bus; `slot` and `rotation` say where its interrupts come out on the root bus (PCI-to-PCI Bridge 1.2, 9.1). */
static void scan_bus(u8 bus, u8 *last_bus, u32 root_slot, u32 rotation)
{
    u32 first = pci_device_count;

    for (u32 slot = 0; slot < 32; slot++) {
        for (u32 function = 0; function < 8; function++) {
            u16 bdf = BDF(bus, slot, function);
            if (pci_read16(bdf, PCI_VENDOR_ID) == 0xffff) {
                if (function == 0)
                    break;
                continue;
            }
            struct pci_device *device = add_function(bdf);
            if (!device)
                return;
            if (device->pin >= 1 && device->pin <= 4) {
                u32 pin = bus == 0 ? device->pin - 1u : (device->pin - 1 + slot + rotation) % 4;
                device->intid = route_pin(bus == 0 ? slot : root_slot, pin + 1);
                pci_write8(bdf, PCI_INTERRUPT_LINE, (u8)device->intid);
            }
            if (function == 0 && !(pci_read8(bdf, PCI_HEADER_TYPE) & PCI_HEADER_MULTIFUNCTION))
                break;
        }
    }
    u32 end = pci_device_count;
    pci_assign_bus(first, end);
    for (u32 i = first; i < end; i++) {
        struct pci_device *bridge = &pci_devices[i];
        u32 slot = (bridge->bdf >> 3) & 31;
        if (bridge->header_type != PCI_HEADER_BRIDGE || *last_bus + 1u >= board.ecam_size / MIB)
            continue;
        u8 secondary = ++*last_bus;
        pci_write8(bridge->bdf, PCI_PRIMARY_BUS, bus);
        pci_write8(bridge->bdf, PCI_SECONDARY_BUS, secondary);
        pci_write8(bridge->bdf, PCI_SUBORDINATE_BUS, 0xff);
        pci_assign_bridge_begin(bridge);
        scan_bus(secondary, last_bus, bus == 0 ? slot : root_slot, bus == 0 ? 0 : rotation + slot);
        pci_write8(bridge->bdf, PCI_SUBORDINATE_BUS, *last_bus);
        pci_assign_bridge_end(bridge);
    }
}

void pci_start(void)
{
    u8 last_bus = 0;

    pci_device_count = 0;
    if (board.ecam_base == 0)
        return;
    pci_assign_start();
    scan_bus(0, &last_bus, 0, 0);
    for (u32 i = 0; i < pci_device_count; i++)
        pci_command(&pci_devices[i], PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
}

struct pci_device *pci_find(const struct pci_device *after, u16 vendor, u16 device)
{
    for (u32 i = after ? (u32)(after - pci_devices) + 1 : 0; i < pci_device_count; i++) {
        if (pci_devices[i].vendor == vendor && pci_devices[i].device == device)
            return &pci_devices[i];
    }
    return NULL;
}

struct pci_device *pci_find_class(const struct pci_device *after, u16 class)
{
    for (u32 i = after ? (u32)(after - pci_devices) + 1 : 0; i < pci_device_count; i++) {
        if (pci_devices[i].class == class)
            return &pci_devices[i];
    }
    return NULL;
}

struct pci_device *pci_at(u16 bdf)
{
    for (u32 i = 0; i < pci_device_count; i++) {
        if (pci_devices[i].bdf == bdf)
            return &pci_devices[i];
    }
    return NULL;
}

u32 pci_capability(const struct pci_device *device, u8 id, u32 after)
{
    if (!(pci_read16(device->bdf, PCI_STATUS) & PCI_STATUS_CAPABILITIES))
        return 0;
    u32 at = pci_read8(device->bdf, after ? after + 1 : PCI_CAPABILITY_POINTER) & 0xfc;
    for (u32 guard = 0; at >= 0x40 && guard < 48; guard++) {
        if (id == 0 || pci_read8(device->bdf, at) == id)
            return at;
        at = pci_read8(device->bdf, at + 1) & 0xfc;
    }
    return 0;
}

const char *pci_name(const struct pci_device *device)
{
    static char name[12];
    format_text(name, sizeof name, "%02x:%02x.%x", device->bdf >> 8, (device->bdf >> 3) & 31, device->bdf & 7);
    return name;
}

static bool parse_hex(const char **text, char end, u32 limit, u32 *value)
{
    u32 result = 0, digits = 0;
    for (; **text && **text != end; (*text)++, digits++) {
        char piece[4] = {'0', 'x', **text, 0};
        u32 digit;
        if (!parse_u32(piece, &digit))
            return false;
        result = result * 16 + digit;
    }
    if (digits == 0 || digits > 2 || **text != end || result > limit)
        return false;
    if (end)
        (*text)++;
    *value = result;
    return true;
}

bool pci_parse_bdf(const char *text, u16 *bdf)
{
    u32 bus, slot, function;
    if (!parse_hex(&text, ':', 0xff, &bus) || !parse_hex(&text, '.', 31, &slot) || !parse_hex(&text, 0, 7, &function))
        return false;
    *bdf = BDF(bus, slot, function);
    return true;
}
