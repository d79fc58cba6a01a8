/* One state record, word by word; test/conformance/layout.ts has the same table. */
#ifndef LAYOUT_H
#define LAYOUT_H

#define W_R0 0
#define W_SP_USR 13
#define W_LR_USR 14
#define W_R8_FIQ 15
#define W_SP_FIQ 20
#define W_LR_FIQ 21
#define W_SPSR_FIQ 22
#define W_SP_IRQ 23
#define W_LR_IRQ 24
#define W_SPSR_IRQ 25
#define W_SP_SVC 26
#define W_LR_SVC 27
#define W_SPSR_SVC 28
#define W_SP_ABT 29
#define W_LR_ABT 30
#define W_SPSR_ABT 31
#define W_SP_UND 32
#define W_LR_UND 33
#define W_SPSR_UND 34
#define W_CPSR 35
#define W_PC 36
#define W_SCTLR 37
#define W_TTBR0 38
#define W_TTBR1 39
#define W_TTBCR 40
#define W_DACR 41
#define W_PRRR 42
#define W_NMRR 43
#define W_VBAR 44
#define W_CONTEXTIDR 45
#define W_TPIDRURW 46
#define W_TPIDRURO 47
#define W_TPIDRPRW 48
#define W_DFSR 49
#define W_DFAR 50
#define W_IFSR 51
#define W_IFAR 52
#define W_PAR 53
#define W_INTERRUPT 54
#define W_TTBR0_HIGH 55
#define W_TTBR1_HIGH 56
#define W_PAR_HIGH 57
#define W_CPACR 58
#define W_FPEXC 59
#define W_FPSCR 60
#define W_D0 61
#define STATE_WORDS 125

#define CONTROL_BASE 0x40500000
#define MASTER_BASE 0x40580000
#define DATA_BASE 0x40300000
#define DATA_WORDS 4096
#define VECTORS_BASE 0x40600000
#define RESULTS_BASE 0x43000000

#endif
