/* Device registers: every access is one load or store of exactly this width, in program order with the others
 * (Device memory, ARM DDI 0406C A3.5.4). */
#ifndef ARMEMU_MMIO_H
#define ARMEMU_MMIO_H

#include "types.h"

static inline u8 read8(u32 address) { return *(volatile u8 *)address; }
static inline u16 read16(u32 address) { return *(volatile u16 *)address; }
static inline u32 read32(u32 address) { return *(volatile u32 *)address; }
static inline void write8(u32 address, u8 value) { *(volatile u8 *)address = value; }
static inline void write16(u32 address, u16 value) { *(volatile u16 *)address = value; }
static inline void write32(u32 address, u32 value) { *(volatile u32 *)address = value; }

static inline u64 read64_two_halves(u32 address)
{
    u32 low = read32(address);
    return low | ((u64)read32(address + 4) << 32);
}

static inline void write64_two_halves(u32 address, u64 value)
{
    write32(address, (u32)value);
    write32(address + 4, (u32)(value >> 32));
}

/* LDRD, so that md can show what one doubleword access does. */
static inline u64 read64_ldrd(u32 address)
{
    u64 value;
    __asm__ volatile("ldrd %Q0, %R0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

#endif
