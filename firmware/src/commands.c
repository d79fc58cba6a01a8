/* The prompt's commands for memory, buses and the board. The devices' own are in commands_devices.c. */
#include "board.h"
#include "bench.h"
#include "check.h"
#include "commands.h"
#include "mmio.h"
#include "pci.h"
#include "pci_list.h"
#include "power.h"
#include "print.h"
#include "smp.h"
#include "str.h"
#include "tests.h"
#include "timer.h"
#include "uart.h"

static const char usage_error[] = "wrong arguments, see help";

/* Takes a trailing ".b .w .l .q" off the arguments; 0 when it is none of these. */
static u32 take_size(u32 *argc, const char *const *argv)
{
    const char *last = argv[*argc - 1];

    if (last[0] != '.')
        return 4;
    --*argc;
    switch (last[1] && last[2] == 0 ? last[1] : 0) {
    case 'b': return 1;
    case 'w': return 2;
    case 'l': return 4;
    case 'q': return 8;
    default: return 0;
    }
}

static failure command_md(u32 argc, const char *const *argv)
{
    u32 address, count, size = take_size(&argc, argv);

    if (argc < 2 || size == 0 || !parse_u32(argv[1], &address) || !shell_number(argc, argv, 2, 64 / size, &count))
        return usage_error;
    if (address & (size - 1))
        return "the address is not aligned to the access size";
    for (u32 i = 0; i < count && !uart_cancelled(); i++, address += size) {
        if (i % (16 / size) == 0)
            print("%s%08x:", i ? "\n" : "", address);
        if (size == 1)
            print(" %02x", read8(address));
        else if (size == 2)
            print(" %04x", read16(address));
        else if (size == 4)
            print(" %08x", read32(address));
        else
            print(" %016llx", read64_ldrd(address));
    }
    print("\n");
    return NULL;
}

static failure command_mw(u32 argc, const char *const *argv)
{
    u32 address, value, size = take_size(&argc, argv);

    if (argc != 3 || size == 0 || size == 8 || !parse_u32(argv[1], &address) || !parse_u32(argv[2], &value))
        return usage_error;
    if (address & (size - 1))
        return "the address is not aligned to the access size";
    if (size == 1)
        write8(address, (u8)value);
    else if (size == 2)
        write16(address, (u16)value);
    else
        write32(address, value);
    return NULL;
}

static failure command_lspci(u32 argc, const char *const *argv)
{
    if (argc > 2 || (argc == 2 && strcmp(argv[1], "-v") != 0))
        return usage_error;
    pci_list(argc == 2);
    return NULL;
}

static failure command_cfg(u32 argc, const char *const *argv)
{
    u16 bdf;
    u32 offset, value, size = take_size(&argc, argv);

    if (argc < 3 || argc > 4 || size == 0 || size == 8 || !pci_parse_bdf(argv[1], &bdf) || !parse_u32(argv[2], &offset) ||
        !shell_number(argc, argv, 3, 0, &value))
        return usage_error;
    if (offset > 4096 - size || (offset & (size - 1)))
        return "the offset is not aligned, or beyond 4095";
    if (board.ecam_base == 0 || (bdf >> 8) >= board.ecam_size / MIB)
        return "no such bus";
    if (argc == 4) {
        if (size == 1)
            pci_write8(bdf, offset, (u8)value);
        else if (size == 2)
            pci_write16(bdf, offset, (u16)value);
        else
            pci_write32(bdf, offset, value);
    }
    value = size == 1 ? pci_read8(bdf, offset) : size == 2 ? pci_read16(bdf, offset) : pci_read32(bdf, offset);
    print("%s %03x: ", argv[1], offset);
    print(size == 1 ? "%02x\n" : size == 2 ? "%04x\n" : "%08x\n", value);
    return NULL;
}

static failure command_bar(u32 argc, const char *const *argv)
{
    u16 bdf;
    u32 index, address;

    if (argc == 1) {
        pci_list_bars();
        return NULL;
    }
    if (argc != 4 || !pci_parse_bdf(argv[1], &bdf) || !parse_u32(argv[2], &index) || !parse_u32(argv[3], &address))
        return usage_error;
    struct pci_device *device = pci_at(bdf);
    if (!device || index >= PCI_BARS)
        return "no such device or BAR";
    if (!pci_move_bar(device, index, address))
        return "not a possible place for this BAR";
    print("BAR %u of %s now at bus 0x%08x, cpu 0x%08x\n", index, pci_name(device), device->bar[index].bus, device->bar[index].cpu);
    return NULL;
}

static failure summary(void)
{
    return check_failed() ? "a check failed" : NULL;
}

static failure command_dma(u32 argc, const char *const *argv)
{
    (void)argc, (void)argv;
    check_reset();
    test_dma();
    return summary();
}

static failure command_irq(u32 argc, const char *const *argv)
{
    (void)argc, (void)argv;
    check_reset();
    test_interrupts();
    return summary();
}

static failure command_timer(u32 argc, const char *const *argv)
{
    (void)argc, (void)argv;
    u64 ticks = timer_ticks();

    check_reset();
    print("%llu ticks of %u Hz since the start: %llu ms\n", ticks, timer_frequency(), ticks * 1000 / timer_frequency());
    test_timers();
    return summary();
}

static failure command_uart(u32 argc, const char *const *argv)
{
    (void)argc, (void)argv;
    check_reset();
    test_uart();
    return summary();
}

static failure command_selftest(u32 argc, const char *const *argv)
{
    (void)argc, (void)argv;
    test_all();
    return summary();
}

static failure command_wfi(u32 argc, const char *const *argv)
{
    u32 milliseconds;

    if (argc != 2 || !parse_u32(argv[1], &milliseconds))
        return usage_error;
    u64 start = timer_ticks();
    u32 woken = timer_sleep(milliseconds);
    print("slept %u us, woken %u times\n", timer_ticks_to_us(timer_ticks() - start), woken);
    return NULL;
}

static failure command_bench(u32 argc, const char *const *argv)
{
    u32 iterations;
    const char *name = argc > 1 && strcmp(argv[1], "all") != 0 ? argv[1] : NULL;

    if (argc > 3 || !shell_number(argc, argv, 2, 0, &iterations))
        return usage_error;
    return bench_run(name, iterations);
}

static failure command_smp(u32 argc, const char *const *argv)
{
    (void)argc, (void)argv;
    check_reset();
    smp_check();
    return summary();
}

static failure command_poweroff(u32 argc, const char *const *argv)
{
    u32 code;

    if (argc > 2 || !shell_number(argc, argv, 1, 0, &code))
        return usage_error;
    print("powering off\n");
    if (code != 0)
        power_exit(code);
    power_off();
}

static failure command_reboot(u32 argc, const char *const *argv)
{
    (void)argc, (void)argv;
    print("restarting\n");
    power_reset();
}

const struct shell_command commands_board[] = {
    {"lspci", "[-v]", "the PCI functions, with BARs and capabilities", command_lspci},
    {"cfg", "BB:DD.F OFFSET [VALUE] [.b|.w|.l]", "read or write configuration space", command_cfg},
    {"bar", "[BB:DD.F N ADDRESS]", "list the BARs, or move one", command_bar},
    {"md", "ADDRESS [COUNT] [.b|.w|.l|.q]", "show memory", command_md},
    {"mw", "ADDRESS VALUE [.b|.w|.l]", "write memory", command_mw},
    {"dma", "", "DMA test of the known endpoints", command_dma},
    {"irq", "", "interrupt test: timer, UART, MSI, INTx", command_irq},
    {"timer", "", "the time, and the timer interrupts", command_timer},
    {"uart", "", "the UART's transmit interrupt", command_uart},
    {"wfi", "MILLISECONDS", "sleep", command_wfi},
    {"smp", "", "start the other CPUs", command_smp},
    {"bench", "[NAME|all] [ITERATIONS]", "integer kernels in A32 and T32", command_bench},
    {"selftest", "", "every check there is", command_selftest},
    {"poweroff", "[CODE]", "switch off, with an exit code by semihosting", command_poweroff},
    {"reboot", "", "restart", command_reboot},
};
const u32 commands_board_count = ARRAY_LENGTH(commands_board);
