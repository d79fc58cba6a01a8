/* System registers and barriers of the ARMv7-A core (ARM DDI 0406C, Cortex-A15 TRM DDI 0438). */
#ifndef ARMEMU_ARM_H
#define ARMEMU_ARM_H

#include "types.h"

#define CPSR_MODE_MASK 0x1fu
#define CPSR_T (1u << 5)
#define CPSR_I (1u << 7)
#define CPSR_A (1u << 8)
#define CPSR_E (1u << 9)
#define CPSR_IT 0x0600fc00u
#define MODE_FIQ 0x11u
#define MODE_IRQ 0x12u
#define MODE_SVC 0x13u
#define MODE_ABT 0x17u
#define MODE_UND 0x1bu
#define MODE_SYS 0x1fu

#define SCTLR_M (1u << 0)
#define SCTLR_A (1u << 1)
#define SCTLR_C (1u << 2)
#define SCTLR_Z (1u << 11)
#define SCTLR_I (1u << 12)
#define SCTLR_V (1u << 13)
#define SCTLR_TRE (1u << 28)
#define SCTLR_AFE (1u << 29)
#define SCTLR_TE (1u << 30)

#define ACTLR_SMP (1u << 6) /* DDI 0438 4.3.29: coherency requests are only answered when set */

#define CP15_READER(name, encoding)                                          \
    static inline u32 read_##name(void)                                      \
    {                                                                        \
        u32 value;                                                           \
        __asm__ volatile("mrc " encoding : "=r"(value) : : "memory");        \
        return value;                                                        \
    }
#define CP15_WRITER(name, encoding)                                          \
    static inline void write_##name(u32 value)                               \
    {                                                                        \
        __asm__ volatile("mcr " encoding : : "r"(value) : "memory");         \
    }
#define CP15_REGISTER(name, encoding) CP15_READER(name, encoding) CP15_WRITER(name, encoding)

CP15_READER(MIDR, "p15, 0, %0, c0, c0, 0")
CP15_READER(MPIDR, "p15, 0, %0, c0, c0, 5")
CP15_REGISTER(SCTLR, "p15, 0, %0, c1, c0, 0")
CP15_REGISTER(ACTLR, "p15, 0, %0, c1, c0, 1")
CP15_REGISTER(TTBR0, "p15, 0, %0, c2, c0, 0")
CP15_REGISTER(TTBCR, "p15, 0, %0, c2, c0, 2")
CP15_REGISTER(DACR, "p15, 0, %0, c3, c0, 0")
CP15_REGISTER(DFSR, "p15, 0, %0, c5, c0, 0")
CP15_REGISTER(IFSR, "p15, 0, %0, c5, c0, 1")
CP15_REGISTER(DFAR, "p15, 0, %0, c6, c0, 0")
CP15_REGISTER(IFAR, "p15, 0, %0, c6, c0, 2")
CP15_WRITER(ICIALLU, "p15, 0, %0, c7, c5, 0")
CP15_WRITER(BPIALL, "p15, 0, %0, c7, c5, 6")
CP15_WRITER(TLBIALL, "p15, 0, %0, c8, c7, 0")
CP15_REGISTER(CNTFRQ, "p15, 0, %0, c14, c0, 0")
CP15_REGISTER(CNTP_CTL, "p15, 0, %0, c14, c2, 1")
CP15_REGISTER(CNTP_TVAL, "p15, 0, %0, c14, c2, 0")
CP15_REGISTER(CNTV_CTL, "p15, 0, %0, c14, c3, 1")
CP15_REGISTER(CNTV_TVAL, "p15, 0, %0, c14, c3, 0")

static inline void dsb(void) { __asm__ volatile("dsb sy" : : : "memory"); }
static inline void dmb(void) { __asm__ volatile("dmb sy" : : : "memory"); }
static inline void isb(void) { __asm__ volatile("isb sy" : : : "memory"); }
static inline void wfi(void) { __asm__ volatile("dsb sy\n\twfi" : : : "memory"); }

/* The counter may be read ahead of earlier instructions without the ISB (DDI 0406C B8.1.2). */
static inline u64 read_CNTVCT(void)
{
    u64 value;
    __asm__ volatile("isb sy\n\tmrrc p15, 1, %Q0, %R0, c14" : "=r"(value) : : "memory");
    return value;
}

static inline u32 read_CPSR(void)
{
    u32 value;
    __asm__ volatile("mrs %0, cpsr" : "=r"(value));
    return value;
}

static inline void irq_enable(void) { __asm__ volatile("cpsie i" : : : "memory"); }
static inline void irq_disable(void) { __asm__ volatile("cpsid i" : : : "memory"); }

#endif
