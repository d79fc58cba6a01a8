#include "uart.h"

#include "arm.h"
#include "gic.h"
#include "mmio.h"
#include "timer.h"

/* DDI 0183 table 3-1. */
#define UARTDR 0x000
#define UARTFR 0x018
#define UARTFR_RXFE (1u << 4)
#define UARTFR_TXFF (1u << 5)
#define UARTFR_BUSY (1u << 3)
#define UARTIBRD 0x024
#define UARTFBRD 0x028
#define UARTLCR_H 0x02c
#define UARTLCR_H_FEN (1u << 4)
#define UARTLCR_H_WLEN_8 (3u << 5)
#define UARTCR 0x030
#define UARTCR_UARTEN (1u << 0)
#define UARTCR_TXE (1u << 8)
#define UARTCR_RXE (1u << 9)
#define UARTIMSC 0x038
#define UARTMIS 0x040
#define UARTICR 0x044
#define UARTINT_RX (1u << 4)
#define UARTINT_TX (1u << 5)
#define UARTINT_RT (1u << 6)
#define UARTINT_ALL 0x7ffu

#define CTRL_C 3

static u32 uart;
static u32 receive_intid;
static volatile u32 transmit_interrupts;
static char ring[65536];
static volatile u32 ring_head, ring_tail;
/* The ring is full and receive interrupts are masked: the FIFO fills, and the sender waits. */
static volatile bool receive_held;
static volatile bool watching_cancel, cancelled;

void uart_start(u32 base)
{
    write32(base + UARTCR, 0);
    write32(base + UARTIMSC, 0);
    write32(base + UARTICR, UARTINT_ALL);
    /* 115200 baud from the 24 MHz clock of the board (24e6 / (16 * 115200) = 13.02). */
    write32(base + UARTIBRD, 13);
    write32(base + UARTFBRD, 1);
    write32(base + UARTLCR_H, UARTLCR_H_WLEN_8 | UARTLCR_H_FEN);
    write32(base + UARTCR, UARTCR_UARTEN | UARTCR_TXE | UARTCR_RXE);
    uart = base;
}

void uart_put(char c)
{
    if (uart == 0)
        return;
    while (read32(uart + UARTFR) & UARTFR_TXFF)
        ;
    write32(uart + UARTDR, (u8)c);
}

static void receive_all(void)
{
    while (!(read32(uart + UARTFR) & UARTFR_RXFE)) {
        if (ring_head - ring_tail == sizeof ring) {
            receive_held = true;
            write32(uart + UARTIMSC, read32(uart + UARTIMSC) & ~(UARTINT_RX | UARTINT_RT));
            return;
        }
        char c = (char)read32(uart + UARTDR);
        if (c == CTRL_C && watching_cancel)
            cancelled = true;
        else {
            ring[ring_head % sizeof ring] = c;
            ring_head++;
        }
    }
}

static void uart_interrupt(void *unused)
{
    (void)unused;
    u32 status = read32(uart + UARTMIS);
    write32(uart + UARTICR, status);
    if (status & (UARTINT_RX | UARTINT_RT))
        receive_all();
    if (status & UARTINT_TX)
        transmit_interrupts++;
}

void uart_start_interrupts(u32 intid)
{
    receive_intid = intid;
    gic_attach(intid, GIC_LEVEL, uart_interrupt, NULL);
    write32(uart + UARTIMSC, UARTINT_RX | UARTINT_RT);
}

/* After something was taken from the ring. */
static void receive_again(void)
{
    if (!receive_held)
        return;
    receive_held = false;
    if (receive_intid != 0)
        write32(uart + UARTIMSC, read32(uart + UARTIMSC) | UARTINT_RX | UARTINT_RT);
}

char uart_get(void)
{
    for (;;) {
        irq_disable();
        if (receive_intid == 0)
            receive_all();
        if (ring_head != ring_tail) {
            char c = ring[ring_tail % sizeof ring];
            ring_tail++;
            receive_again();
            irq_enable();
            return c;
        }
        /* WFI with IRQ masked: an interrupt between the test and the WFI still wakes it (DDI 0406C B1.8.13). */
        if (receive_intid != 0)
            wfi();
        irq_enable();
    }
}

/* What is in the ring came behind the line's end: a Ctrl-C there means the command, too. The rest is for the next line. */
static void take_cancels(void)
{
    u32 kept = ring_tail;

    for (u32 at = ring_tail; at != ring_head; at++) {
        char c = ring[at % sizeof ring];
        if (c == CTRL_C)
            cancelled = true;
        else
            ring[kept++ % sizeof ring] = c;
    }
    ring_head = kept;
    receive_again();
}

void uart_watch_cancel(bool on)
{
    /* No Ctrl-C may come between the look into the ring and the watch. */
    irq_disable();
    cancelled = false;
    watching_cancel = on;
    if (on)
        take_cancels();
    irq_enable();
}

bool uart_cancelled(void)
{
    return cancelled;
}

u32 uart_count_transmit_interrupts(u32 count)
{
    while (read32(uart + UARTFR) & UARTFR_BUSY)
        ;
    transmit_interrupts = 0;
    write32(uart + UARTICR, UARTINT_TX);
    /* Without the FIFO the interrupt is raised whenever the holding register empties (DDI 0183 2.8.2); what it holds is lost. */
    irq_disable();
    receive_all();
    write32(uart + UARTLCR_H, UARTLCR_H_WLEN_8);
    irq_enable();
    write32(uart + UARTIMSC, UARTINT_RX | UARTINT_RT | UARTINT_TX);
    for (u32 i = 1; i <= count; i++) {
        write32(uart + UARTDR, '\r');
        if (!timer_wait_count(&transmit_interrupts, i, 1000))
            break;
    }
    write32(uart + UARTIMSC, UARTINT_RX | UARTINT_RT);
    write32(uart + UARTLCR_H, UARTLCR_H_WLEN_8 | UARTLCR_H_FEN);
    return transmit_interrupts;
}
