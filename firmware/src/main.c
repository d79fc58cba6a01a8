#include "arm.h"
#include "board.h"
#include "check.h"
#include "gic.h"
#include "mmu.h"
#include "pci.h"
#include "pci_list.h"
#include "power.h"
#include "print.h"
#include "shell.h"
#include "str.h"
#include "tests.h"
#include "timer.h"
#include "uart.h"

/* Where the virt board has its console; only used to say that there is no device tree. */
#define LAST_RESORT_UART 0x09000000u

extern u8 ram_base[];

static void banner(void)
{
    u32 midr = read_MIDR();

    print("\n"
          "   __ _ _ __ _ __ ___   ___ _ __ ___  _   _\n"
          "  / _` | '__| '_ ` _ \\ / _ \\ '_ ` _ \\| | | |\n"
          " | (_| | |  | | | | | |  __/ | | | | | |_| |\n"
          "  \\__,_|_|  |_| |_| |_|\\___|_| |_| |_|\\__,_|\n\n");
    print("board   %s\n", board.model);
    print("memory  %u MiB at 0x%08x\n", board.ram_size / MIB, board.ram_base);
    print("cpu     %s r%up%u (MIDR 0x%08x), %u in the device tree\n",
          (midr & 0xff0ffff0) == 0x410fc0f0 ? "Cortex-A15" : (midr & 0xff0ffff0) == 0x410fc090 ? "Cortex-A9" : "unknown", (midr >> 20) & 0xf, midr & 0xf, midr, board.cpu_count);
    print("timer   %u Hz\n", timer_frequency());
    if (board_has_gic()) {
        print("irqs    GICv2, %u INTIDs", gic_intid_count());
        if (v2m_intid_count())
            print(", MSI frame with INTIDs %u to %u", v2m_first_intid(), v2m_first_intid() + v2m_intid_count() - 1);
        print("\n");
    }
    if (board.psci_present)
        print("psci    version %u.%u\n", psci_version() >> 16, psci_version() & 0xffff);
    if (board.bootargs[0])
        print("args    %s\n", board.bootargs);
    board_print_missing();
}

void main(void)
{
    if (!board_read(ram_base) || board.uart_base == 0) {
        mmu_map_device(LAST_RESORT_UART, PAGE_SIZE);
        uart_start(LAST_RESORT_UART);
        print("armemu firmware: no %s, stopping\n",
              board.ram_size ? "console (arm,pl011) in the device tree" : "device tree at the start of RAM");
        return;
    }
    uart_start(board.uart_base);
    if (board_has_gic()) {
        gic_start(board.gic_distributor, board.gic_cpu_interface);
        if (board.v2m_base)
            v2m_start(board.v2m_base);
        timer_start();
        if (board.uart_intid)
            uart_start_interrupts(board.uart_intid);
        irq_enable();
    }
    banner();
    pci_start();
    print("\nPCI bus\n");
    pci_list(false);
    print("\n");
    if (has_word(board.bootargs, "selftest")) {
        if (test_all() == 0)
            power_off();
        power_exit(1);
    }
    print("DMA test\n");
    test_dma();
    print("\nInterrupt test\n");
    test_interrupts();
    print("\nType help for the list of commands.\n");
    shell_run();
}
