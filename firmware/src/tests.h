/* The groups of checks that the start, the self-test and the prompt's commands share. */
#ifndef ARMEMU_TESTS_H
#define ARMEMU_TESTS_H

#include "types.h"

void test_timers(void);
void test_uart(void);
void test_exceptions(void);
/* DMA of every endpoint that the firmware knows. */
void test_dma(void);
/* What any PCI endpoint owes its command register and BARs. */
void test_endpoint_rules(void);
/* timer PPI, PL011 SPI, endpoint MSI, endpoint INTx. */
void test_interrupts(void);
/* Everything, then SELFTEST PASS or SELFTEST FAIL (n); answers n. */
u32 test_all(void);

#endif
