/* PL011 UART (ARM DDI 0183): polled transmit, interrupt-driven receive. */
#ifndef ARMEMU_UART_H
#define ARMEMU_UART_H

#include "types.h"

/* Enables transmit and receive; before this, output goes nowhere. */
void uart_start(u32 base);
/* Hands the receive interrupt to the GIC; before this, input is polled. */
void uart_start_interrupts(u32 intid);
void uart_put(char c);
/* Waits in WFI until a character has come. */
char uart_get(void);
/* While a command runs, Ctrl-C is no input but a wish to stop it; so is one that came since uart_get answered its line's end. */
void uart_watch_cancel(bool on);
bool uart_cancelled(void);
/* Sends `count` carriage returns, each announced by the transmit interrupt; answers the interrupts taken. */
u32 uart_count_transmit_interrupts(u32 count);

#endif
