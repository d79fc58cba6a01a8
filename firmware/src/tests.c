#include "tests.h"

#include "arm.h"
#include "bench.h"
#include "board.h"
#include "check.h"
#include "edu.h"
#include "exception.h"
#include "gic.h"
#include "iommu.h"
#include "mac.h"
#include "nvme.h"
#include "power.h"
#include "print.h"
#include "smp.h"
#include "timer.h"
#include "uart.h"

#define TIMER_SHOTS 5u
#define TIMER_PERIOD_US 1000u
#define UART_SHOTS 8u
#define UNMAPPED_ADDRESS 0u

void provoke_undefined(void);
u32 provoke_svc(void);

void test_timers(void)
{
    u32 intid = board.mpcore_base ? board.mpcore_timer_intid : board.timer_virtual_intid;
    if (intid == 0) {
        check(false, "timer PPI", "no timer interrupt, or no interrupt controller, in the device tree");
        return;
    }
    u64 start = timer_ticks();
    u32 fired = timer_count_virtual(TIMER_SHOTS, TIMER_PERIOD_US);
    u32 us = timer_ticks_to_us(timer_ticks() - start);
    check(fired == TIMER_SHOTS && us >= TIMER_SHOTS * TIMER_PERIOD_US, "timer PPI", "%u of %u interrupts, %s, INTID %u, %u us",
          fired, TIMER_SHOTS, board.mpcore_base ? "private" : "virtual", intid, us);
    if (board.mpcore_base) {
        check_skip("timer PPI (physical)", "a Cortex-A9 has no generic timer");
        return;
    }
    start = timer_ticks();
    fired = timer_count_physical(TIMER_SHOTS, TIMER_PERIOD_US);
    us = timer_ticks_to_us(timer_ticks() - start);
    check(fired == TIMER_SHOTS && us >= TIMER_SHOTS * TIMER_PERIOD_US, "timer PPI (physical)", "%u of %u interrupts, INTID %u, %u us",
          fired, TIMER_SHOTS, board.timer_physical_intid, us);
}

void test_uart(void)
{
    if (board.uart_intid == 0) {
        check(false, "PL011 SPI", "no interrupt, or no interrupt controller, in the device tree");
        return;
    }
    u32 count = uart_count_transmit_interrupts(UART_SHOTS);
    check(count >= UART_SHOTS, "PL011 SPI", "%u of %u transmit interrupts, INTID %u", count, UART_SHOTS, board.uart_intid);
}

enum provocation { READ_UNMAPPED, WRITE_READ_ONLY, STACK_OVERFLOW, BRANCH_TO_UNMAPPED, BRANCH_TO_NO_EXECUTE, UNDEFINED };

static u32 no_execute_word;

/* Ends in the unmapped page below the stack. */
static u32 __attribute__((noinline)) recurse(volatile u32 *caller)
{
    volatile u32 local[64];

    local[0] = caller[0] + 1;
    return local[0] == 0 ? 0 : recurse(local) + local[0];
}

static void provoke(enum provocation what)
{
    volatile u32 depth = 0;


    switch (what) {
    case READ_UNMAPPED:
        (void)*(volatile u32 *)UNMAPPED_ADDRESS;
        break;
    case WRITE_READ_ONLY:
        *(volatile u32 *)(u32)provoke_undefined = 0;
        break;
    case STACK_OVERFLOW:
        recurse(&depth);
        break;
    case BRANCH_TO_UNMAPPED:
        ((void (*)(void))UNMAPPED_ADDRESS)();
        break;
    case BRANCH_TO_NO_EXECUTE:
        ((void (*)(void))&no_execute_word)();
        break;
    case UNDEFINED:
        provoke_undefined();
        break;
    }
}

/* `status`: the expected fault status, short-descriptor format. */
static void expect_exception(enum provocation what, enum exception_kind kind, u32 status, const char *name)
{
    struct recovery here;
    struct recovery *const outer = exception_recover_to(NULL, false);
    volatile bool taken = false;

    if (recovery_set(&here) == 0) {
        exception_recover_to(&here, true);
        provoke(what);
    } else {
        taken = true;
    }
    exception_recover_to(outer, false);
    u32 found = kind == EXCEPTION_DATA_ABORT ? read_DFSR() : kind == EXCEPTION_PREFETCH_ABORT ? read_IFSR() : status;
    check(taken && exception_last_was(kind) && (found & 0x40f) == status, name, "%s", taken ? exception_last() : "no exception");
}

void test_exceptions(void)
{
    expect_exception(READ_UNMAPPED, EXCEPTION_DATA_ABORT, 0x5, "data abort");
    expect_exception(WRITE_READ_ONLY, EXCEPTION_DATA_ABORT, 0xf, "write to read-only page");
    expect_exception(STACK_OVERFLOW, EXCEPTION_DATA_ABORT, 0x7, "stack overflow");
    expect_exception(BRANCH_TO_UNMAPPED, EXCEPTION_PREFETCH_ABORT, 0x5, "prefetch abort");
    expect_exception(BRANCH_TO_NO_EXECUTE, EXCEPTION_PREFETCH_ABORT, 0xf, "execute-never page");
    expect_exception(UNDEFINED, EXCEPTION_UNDEFINED, 0, "undefined instruction");
    u32 before = exception_svc_count();
    u32 number = provoke_svc();
    check(number == 0x41 && exception_svc_count() == before + 1, "supervisor call", "SVC 0x%x seen by its handler", number);
}

void test_dma(void)
{
    if (!edu_find(0))
        check_skip("endpoint DMA", "no edu device (1234:11e8)");
    struct pci_device *device;
    for (u32 n = 0; (device = edu_find(n)); n++) {
        edu_test_registers(device);
        edu_test_dma(device, EDU_POLL, 64);
        edu_test_dma(device, EDU_MSI, EDU_DMA_MAX);
        edu_test_dma(device, EDU_INTX, 1021);
        edu_use(device, EDU_POLL);
    }
}

void test_endpoint_rules(void)
{
    if (!edu_find(0))
        check_skip("endpoint PCI rules", "no edu device (1234:11e8)");
    struct pci_device *device;
    for (u32 n = 0; (device = edu_find(n)); n++)
        edu_test_rules(device);
}

void test_interrupts(void)
{
    test_timers();
    test_uart();
    if (!edu_find(0)) {
        check_skip("endpoint MSI", "no edu device (1234:11e8)");
        check_skip("endpoint INTx", "no edu device (1234:11e8)");
    }
    struct pci_device *device;
    for (u32 n = 0; (device = edu_find(n)); n++) {
        edu_test_msi(device);
        edu_test_intx(device);
    }
    check(gic_spurious_count() == 0, "unexpected interrupts", "%u", gic_spurious_count());
}

u32 test_all(void)
{
    check_reset();
    test_exceptions();
    bench_check();
    smp_check();
    test_endpoint_rules();
    test_dma();
    test_interrupts();
    nvme_check();
    mac_check();
    iommu_check();
    print("%u passed, %u failed, %u skipped\n", check_passed(), check_failed(), check_skipped());
    if (check_failed() == 0)
        print("SELFTEST PASS\n");
    else
        print("SELFTEST FAIL (%u)\n", check_failed());
    return check_failed();
}
