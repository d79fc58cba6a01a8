#include "board.h"

#include "fdt.h"
#include "mmu.h"
#include "mpcore.h"
#include "print.h"
#include "str.h"

/* Interrupts of the GIC binding: first cell 0 = SPI (INTID 32 and up), 1 = PPI (16 and up). */
#define GIC_SPI 0u
#define SPI_BASE 32u
#define PPI_BASE 16u
/* arm,armv7-timer lists secure physical, non-secure physical, virtual, hypervisor. */
#define TIMER_PHYSICAL 1
#define TIMER_VIRTUAL 2
/* Trees of boards with a Cortex-A9 need not tell the clock of its timers: what QEMU and armemu have. */
#define MPCORE_DEFAULT_CLOCK 100000000u
/* PCI address, first cell: space code (PCI bus binding to IEEE 1275, 2.2.1.1). */
#define RANGE_SPACE(hi) (((hi) >> 24) & 3)
#define RANGE_SPACE_IO 1
#define RANGE_SPACE_MEM32 2

struct board board;

u32 board_intid(u32 node, u32 index)
{
    u32 length;
    const void *cells = node == FDT_NONE ? NULL : fdt_property(node, "interrupts", &length);
    if (!cells || (index + 1) * 12 > length)
        return 0;
    u32 number = fdt_cell(cells, index * 3 + 1);
    return number + (fdt_cell(cells, index * 3) == GIC_SPI ? SPI_BASE : PPI_BASE);
}

bool board_has_gic(void)
{
    return board.gic_distributor != 0 && board.gic_cpu_interface != 0;
}

bool board_is_ram(u32 address, u32 size)
{
    return address >= board.ram_base && address - board.ram_base < board.ram_size &&
           size <= board.ram_size - (address - board.ram_base);
}

static void read_uart(void)
{
    u32 size;
    const char *path = fdt_string(fdt_path("/chosen"), "stdout-path");
    u32 node = path ? fdt_path(path) : FDT_NONE;

    if (node == FDT_NONE)
        node = fdt_compatible(FDT_NONE, "arm,pl011");
    if (!fdt_reg(node, 0, &board.uart_base, &size))
        return;
    board.uart_intid = board_intid(node, 0);
    mmu_map_device(board.uart_base, size);
}

static void read_gic(void)
{
    u32 size;
    u32 node = fdt_compatible(FDT_NONE, "arm,cortex-a15-gic");

    if (node == FDT_NONE)
        node = fdt_compatible(FDT_NONE, "arm,gic-400");
    if (node == FDT_NONE)
        node = fdt_compatible(FDT_NONE, "arm,cortex-a9-gic");
    if (fdt_reg(node, 1, &board.gic_cpu_interface, &size))
        mmu_map_device(board.gic_cpu_interface, size);
    if (fdt_reg(node, 0, &board.gic_distributor, &size))
        mmu_map_device(board.gic_distributor, size);
    if (fdt_reg(fdt_compatible(FDT_NONE, "arm,gic-v2m-frame"), 0, &board.v2m_base, &size))
        mmu_map_device(board.v2m_base, size);
    u32 timer = fdt_compatible(FDT_NONE, "arm,armv7-timer");
    board.timer_physical_intid = board_intid(timer, TIMER_PHYSICAL);
    board.timer_virtual_intid = board_intid(timer, TIMER_VIRTUAL);
}

/* The private timer of each CPU; the global timer is in the same region (ARM DDI 0407 table 1-3). */
static void read_mpcore(void)
{
    u32 size;
    u32 node = fdt_compatible(FDT_NONE, "arm,cortex-a9-twd-timer");

    if (!fdt_reg(node, 0, &board.mpcore_base, &size))
        return;
    board.mpcore_base -= MPCORE_PRIVATE_TIMER;
    board.mpcore_timer_intid = board_intid(node, 0);
    u32 clock = fdt_with_phandle(fdt_u32(node, "clocks", 0));
    board.mpcore_clock = clock == FDT_NONE ? MPCORE_DEFAULT_CLOCK : fdt_u32(clock, "clock-frequency", MPCORE_DEFAULT_CLOCK);
    mmu_map_device(board.mpcore_base, PAGE_SIZE);
}

static void read_sysreg(void)
{
    u32 size;

    if (fdt_reg(fdt_compatible(FDT_NONE, "arm,vexpress-sysreg"), 0, &board.sysreg_base, &size))
        mmu_map_device(board.sysreg_base, size);
}

static void read_pcie_ranges(u32 node)
{
    u32 length;
    const void *cells = fdt_property(node, "ranges", &length);
    u32 parent_cells = fdt_u32(fdt_parent(node), "#address-cells", 2);
    u32 entry = 3 + parent_cells + 2;

    for (u32 at = 0; cells && (at + entry) * 4 <= length; at += entry) {
        struct pcie_window window = {
            .pci = fdt_cell(cells, at + 2),
            .cpu = fdt_cell(cells, at + 3 + parent_cells - 1),
            .size = fdt_cell(cells, at + entry - 1),
        };
        bool above_4g = fdt_cell(cells, at + 1) != 0 || fdt_cell(cells, at + entry - 2) != 0 ||
                        (parent_cells == 2 && fdt_cell(cells, at + 3) != 0);
        if (above_4g)
            continue;
        if (RANGE_SPACE(fdt_cell(cells, at)) == RANGE_SPACE_IO)
            board.io_window = window;
        else if (RANGE_SPACE(fdt_cell(cells, at)) == RANGE_SPACE_MEM32)
            board.memory_window = window;
        else
            continue;
        mmu_map_device(window.cpu, window.size);
    }
}

static void read_pcie(void)
{
    board.pcie_node = fdt_compatible(FDT_NONE, "pci-host-ecam-generic");
    if (!fdt_reg(board.pcie_node, 0, &board.ecam_base, &board.ecam_size))
        return;
    mmu_map_device(board.ecam_base, board.ecam_size);
    read_pcie_ranges(board.pcie_node);
}

static void read_cpus(void)
{
    u32 cpus = fdt_path("/cpus"), size;

    for (u32 node = fdt_with_string(FDT_NONE, "device_type", "cpu"); node != FDT_NONE && board.cpu_count < MAX_CPUS;
         node = fdt_with_string(node, "device_type", "cpu")) {
        if (fdt_parent(node) == cpus && fdt_reg(node, 0, &board.cpu_mpidr[board.cpu_count], &size))
            board.cpu_count++;
    }
    u32 psci = fdt_compatible(FDT_NONE, "arm,psci-0.2");
    const char *method = fdt_string(psci, "method");
    board.psci_present = method != NULL;
    board.psci_by_smc = method && strcmp(method, "smc") == 0;
}

bool board_read(const void *blob)
{
    board.pcie_node = FDT_NONE;
    board.model = "unknown board";
    board.bootargs = "";
    if (!fdt_open(blob))
        return false;
    if (fdt_string(0, "model"))
        board.model = fdt_string(0, "model");
    if (fdt_string(fdt_path("/chosen"), "bootargs"))
        board.bootargs = fdt_string(fdt_path("/chosen"), "bootargs");
    if (fdt_reg(fdt_with_string(FDT_NONE, "device_type", "memory"), 0, &board.ram_base, &board.ram_size))
        mmu_map_ram(board.ram_base, board.ram_size);
    read_uart();
    read_gic();
    read_mpcore();
    read_sysreg();
    read_pcie();
    read_cpus();
    if (!board_has_gic()) {
        /* Nobody would deliver these; without them their users poll. */
        board.uart_intid = board.timer_virtual_intid = board.timer_physical_intid = 0;
        board.mpcore_timer_intid = 0;
        board.v2m_base = 0;
    }
    return true;
}

static void missing_if(bool missing, const char *what)
{
    if (missing)
        print("missing in the device tree: %s\n", what);
}

void board_print_missing(void)
{
    missing_if(board.ram_size == 0, "memory (device_type = \"memory\")");
    missing_if(board.uart_base == 0, "console (stdout-path, arm,pl011)");
    missing_if(!board_has_gic(), "interrupt controller (arm,cortex-a15-gic)");
    missing_if(board.v2m_base == 0, "MSI frame (arm,gic-v2m-frame)");
    missing_if(board.timer_virtual_intid == 0 && board.mpcore_timer_intid == 0, "timer interrupts (arm,armv7-timer)");
    missing_if(board.ecam_base == 0, "PCIe host bridge (pci-host-ecam-generic)");
    missing_if(board.ecam_base != 0 && board.memory_window.size == 0, "PCIe memory window below 4 GiB (ranges)");
    missing_if(board.ecam_base != 0 && board.io_window.size == 0, "PCIe I/O window below 4 GiB (ranges)");
    missing_if(!board.psci_present && board.sysreg_base == 0, "firmware interface (arm,psci-0.2)");
    missing_if(board.cpu_count == 0, "CPUs (/cpus)");
}
