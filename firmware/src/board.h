/* What the device tree says about the board; a zero base means that it is missing. */
#ifndef ARMEMU_BOARD_H
#define ARMEMU_BOARD_H

#include "types.h"

#define MAX_CPUS 8

struct pcie_window {
    u32 cpu;  /* address on the CPU's bus */
    u32 pci;  /* address on the PCI bus */
    u32 size; /* 0: none */
};

struct board {
    const char *model;
    const char *bootargs;
    u32 ram_base, ram_size;
    u32 uart_base, uart_intid;
    u32 gic_distributor, gic_cpu_interface;
    u32 v2m_base;
    u32 timer_virtual_intid, timer_physical_intid;
    /* Cortex-A9: its private region, whose timers stand in for the generic timer, their clock, and their interrupt. */
    u32 mpcore_base, mpcore_clock, mpcore_timer_intid;
    /* System registers of a Versatile Express board, which switch it off. */
    u32 sysreg_base;
    u32 pcie_node;
    u32 ecam_base, ecam_size;
    struct pcie_window memory_window, io_window;
    bool psci_present, psci_by_smc;
    u32 cpu_count;
    u32 cpu_mpidr[MAX_CPUS];
};

extern struct board board;

/* Reads the device tree and maps what it names. False: there is no tree. */
bool board_read(const void *blob);
/* Prints a line for each thing that the tree doesn't have. */
void board_print_missing(void);
/* INTID of entry `index` of a node's interrupts (GIC binding: type, number, flags); 0 when absent. */
u32 board_intid(u32 node, u32 index);
bool board_has_gic(void);
bool board_is_ram(u32 address, u32 size);

#endif
