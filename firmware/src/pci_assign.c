#include "pci_assign.h"

#include "board.h"
#include "print.h"

/* Granularity of bridge windows, PCI-to-PCI Bridge 1.2, 3.2.5. */
#define BRIDGE_IO_GRANULE 0x1000u

struct space {
    u64 next, end; /* bus addresses; 64 bits so that the end of 4 GiB needs no special case */
};

static struct space memory_space, io_space;

void pci_assign_start(void)
{
    memory_space.next = board.memory_window.pci;
    memory_space.end = (u64)board.memory_window.pci + board.memory_window.size;
    io_space.next = board.io_window.pci;
    io_space.end = (u64)board.io_window.pci + board.io_window.size;
    /* An address of 0 means "not assigned" to many drivers. */
    if (io_space.next == 0)
        io_space.next = BRIDGE_IO_GRANULE;
}

static bool take(struct space *space, u64 size, u64 alignment, u32 *address)
{
    u64 at = (space->next + alignment - 1) & ~(alignment - 1);
    if (at + size > space->end)
        return false;
    space->next = at + size;
    *address = (u32)at;
    return true;
}

static void write_bar(struct pci_device *device, u32 index, u32 bus)
{
    struct pci_bar *bar = &device->bar[index];
    u32 offset = PCI_BAR0 + 4 * index;

    pci_write32(device->bdf, offset, bus);
    if (bar->wide)
        pci_write32(device->bdf, offset + 4, 0);
    bar->bus = bus;
    bar->cpu = bar->io ? board.io_window.cpu + (bus - board.io_window.pci)
                       : board.memory_window.cpu + (bus - board.memory_window.pci);
}

static void assign(struct pci_device *device, u32 index)
{
    struct pci_bar *bar = &device->bar[index];
    u32 address;

    /* Pages of their own, so that small BARs of two devices never share one. */
    u64 alignment = bar->io || bar->size > PAGE_SIZE ? bar->size : PAGE_SIZE;
    if (take(bar->io ? &io_space : &memory_space, bar->size, alignment, &address))
        write_bar(device, index, address);
    else
        print("pci: no room for BAR %u of %s, 0x%llx bytes, in the %s window\n", index, pci_name(device), bar->size,
              bar->io ? "I/O" : "memory");
}

void pci_assign_bus(u32 first, u32 end)
{
    u64 below = ~0ull;

    /* Sizes are powers of two: one pass for each size that occurs, from the largest. */
    for (;;) {
        u64 largest = 0;
        for (u32 i = first; i < end; i++) {
            for (u32 b = 0; b < PCI_BARS; b++) {
                u64 size = pci_devices[i].bar[b].size;
                if (size < below && size > largest)
                    largest = size;
            }
        }
        if (largest == 0)
            return;
        for (u32 i = first; i < end; i++) {
            for (u32 b = 0; b < PCI_BARS; b++) {
                if (pci_devices[i].bar[b].size == largest)
                    assign(&pci_devices[i], b);
            }
        }
        below = largest;
    }
}

static void align(struct space *space, u64 granule)
{
    space->next = (space->next + granule - 1) & ~(granule - 1);
}

void pci_assign_bridge_begin(const struct pci_device *bridge)
{
    align(&memory_space, MIB);
    align(&io_space, BRIDGE_IO_GRANULE);
    pci_write16(bridge->bdf, PCI_MEMORY_BASE, (u16)((u32)memory_space.next >> 16));
    pci_write8(bridge->bdf, PCI_IO_BASE, (u8)(((u32)io_space.next >> 8) & 0xf0));
    pci_write16(bridge->bdf, PCI_IO_BASE_HIGH, (u16)((u32)io_space.next >> 16));
}

void pci_assign_bridge_end(const struct pci_device *bridge)
{
    align(&memory_space, MIB);
    align(&io_space, BRIDGE_IO_GRANULE);
    /* A limit below the base closes a window: that is what these give when nothing was assigned behind the bridge. */
    pci_write16(bridge->bdf, PCI_MEMORY_LIMIT, (u16)(((u32)memory_space.next - MIB) >> 16));
    pci_write8(bridge->bdf, PCI_IO_LIMIT, (u8)((((u32)io_space.next - BRIDGE_IO_GRANULE) >> 8) & 0xf0));
    pci_write16(bridge->bdf, PCI_IO_LIMIT_HIGH, (u16)(((u32)io_space.next - BRIDGE_IO_GRANULE) >> 16));
    pci_write16(bridge->bdf, PCI_PREFETCH_BASE, 0xfff0);
    pci_write16(bridge->bdf, PCI_PREFETCH_LIMIT, 0);
}

bool pci_move_bar(struct pci_device *device, u32 index, u32 bus_address)
{
    struct pci_bar *bar = &device->bar[index];
    const struct pcie_window *window = bar->io ? &board.io_window : &board.memory_window;

    if (bar->size == 0 || (bus_address & (bar->size - 1)) != 0 || bus_address < window->pci ||
        (u64)bus_address + bar->size > (u64)window->pci + window->size)
        return false;
    write_bar(device, index, bus_address);
    return true;
}
