#include "power.h"

#include "arm.h"
#include "board.h"
#include "mmio.h"
#include "print.h"

/* Function identifiers of the 32-bit calling convention, DEN 0022 5.1. */
#define PSCI_VERSION 0x84000000u
#define PSCI_CPU_OFF 0x84000002u
#define PSCI_CPU_ON 0x84000003u
#define PSCI_AFFINITY_INFO 0x84000004u
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u

#define SYS_CFGDATA 0xa0u
#define SYS_CFGCTRL 0xa4u
#define CFGCTRL_START (1u << 31)
#define CFGCTRL_WRITE (1u << 30)
#define CFG_SHUTDOWN 8u
#define CFG_REBOOT 9u

#define SYS_EXIT_EXTENDED 0x20u
#define ADP_STOPPED_APPLICATION_EXIT 0x20026u

u32 psci_hvc(u32 function, u32 a1, u32 a2, u32 a3);
u32 psci_smc(u32 function, u32 a1, u32 a2, u32 a3);
u32 semihosting_call(u32 operation, const void *block);
void halt(void) __attribute__((noreturn));

static u32 psci(u32 function, u32 a1, u32 a2, u32 a3)
{
    if (!board.psci_present)
        return (u32)-1;
    return board.psci_by_smc ? psci_smc(function, a1, a2, a3) : psci_hvc(function, a1, a2, a3);
}

u32 psci_version(void)
{
    return psci(PSCI_VERSION, 0, 0, 0);
}

s32 psci_cpu_on(u32 mpidr, u32 entry, u32 context)
{
    dsb();
    return (s32)psci(PSCI_CPU_ON, mpidr, entry, context);
}

s32 psci_affinity_info(u32 mpidr)
{
    return (s32)psci(PSCI_AFFINITY_INFO, mpidr, 0, 0);
}

void psci_cpu_off(void)
{
    dsb();
    psci(PSCI_CPU_OFF, 0, 0, 0);
    halt();
}

/* A write by the configuration bus of the motherboard (ARM DUI 0447 4.4.19): start, write, the function. It takes a while. */
static void configure(u32 function)
{
    if (board.sysreg_base == 0)
        return;
    write32(board.sysreg_base + SYS_CFGDATA, 0);
    write32(board.sysreg_base + SYS_CFGCTRL, CFGCTRL_START | CFGCTRL_WRITE | function << 20);
    halt();
}

void power_off(void)
{
    psci(PSCI_SYSTEM_OFF, 0, 0, 0);
    configure(CFG_SHUTDOWN);
    print("PSCI SYSTEM_OFF is not available; halted\n");
    halt();
}

void power_reset(void)
{
    psci(PSCI_SYSTEM_RESET, 0, 0, 0);
    configure(CFG_REBOOT);
    print("PSCI SYSTEM_RESET is not available; halted\n");
    halt();
}

void power_exit(u32 code)
{
    u32 block[2] = {ADP_STOPPED_APPLICATION_EXIT, code};

    semihosting_call(SYS_EXIT_EXTENDED, block);
    power_off();
}
