/* What real devices do behind an SMMU, or without one, in figures: bench/vfio.mjs drives this prompt. */
#include "../src/arm.h"
#include "../src/board.h"
#include "../src/gic.h"
#include "../src/pci.h"
#include "../src/pci_list.h"
#include "../src/print.h"
#include "../src/shell.h"
#include "../src/timer.h"
#include "../src/uart.h"

extern u8 ram_base[];

void main(void)
{
    if (!board_read(ram_base) || board.uart_base == 0 || !board_has_gic())
        return;
    uart_start(board.uart_base);
    gic_start(board.gic_distributor, board.gic_cpu_interface);
    if (board.v2m_base)
        v2m_start(board.v2m_base);
    timer_start();
    if (board.uart_intid)
        uart_start_interrupts(board.uart_intid);
    irq_enable();
    pci_start();
    pci_list(false);
    shell_run();
}
