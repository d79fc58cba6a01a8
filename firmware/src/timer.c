#include "timer.h"

#include "arm.h"
#include "board.h"
#include "gic.h"
#include "mmio.h"
#include "mpcore.h"
#include "uart.h"

/* CNTV_CTL, CNTP_CTL: DDI 0406C B4.1.31. */
#define CTL_ENABLE (1u << 0)
#define CTL_IMASK (1u << 1)

static volatile u32 virtual_fired, physical_fired;

static bool has_mpcore(void)
{
    return board.mpcore_base != 0;
}

/* INTID of the timer that wakes waiting code; 0 when there is none. */
static u32 waking_intid(void)
{
    return has_mpcore() ? board.mpcore_timer_intid : board.timer_virtual_intid;
}

static void disarm(void)
{
    if (has_mpcore()) {
        write32(board.mpcore_base + MPCORE_PRIVATE_CONTROL, 0);
        write32(board.mpcore_base + MPCORE_PRIVATE_STATUS, 1);
    } else {
        write_CNTV_CTL(CTL_IMASK);
    }
    isb();
}

static void arm_timer(u64 ticks)
{
    u32 limited = ticks > 0x7fffffff ? 0x7fffffff : (u32)ticks;

    if (has_mpcore()) {
        write32(board.mpcore_base + MPCORE_PRIVATE_LOAD, limited ? limited : 1);
        write32(board.mpcore_base + MPCORE_PRIVATE_CONTROL, MPCORE_PRIVATE_ENABLE | MPCORE_PRIVATE_IRQ);
    } else {
        write_CNTV_TVAL(limited);
        write_CNTV_CTL(CTL_ENABLE);
    }
    isb();
}

/* The output is a level: it is taken away at its source, or it would fire again at once (B8.1.5). */
static void virtual_interrupt(void *unused)
{
    (void)unused;
    disarm();
    virtual_fired++;
}

static void physical_interrupt(void *unused)
{
    (void)unused;
    write_CNTP_CTL(CTL_IMASK);
    isb();
    physical_fired++;
}

void timer_start(void)
{
    if (has_mpcore())
        write32(board.mpcore_base + MPCORE_GLOBAL_CONTROL, MPCORE_GLOBAL_ENABLE);
    else
        write_CNTP_CTL(CTL_IMASK);
    disarm();
    if (waking_intid())
        gic_attach(waking_intid(), GIC_LEVEL, virtual_interrupt, NULL);
    if (board.timer_physical_intid)
        gic_attach(board.timer_physical_intid, GIC_LEVEL, physical_interrupt, NULL);
}

u32 timer_frequency(void)
{
    return has_mpcore() ? board.mpcore_clock : read_CNTFRQ();
}

u64 timer_ticks(void)
{
    if (!has_mpcore())
        return read_CNTVCT();
    for (;;) {
        u32 high = read32(board.mpcore_base + MPCORE_GLOBAL_HIGH);
        u32 low = read32(board.mpcore_base + MPCORE_GLOBAL_LOW);
        if (read32(board.mpcore_base + MPCORE_GLOBAL_HIGH) == high)
            return (u64)high << 32 | low;
    }
}

u32 timer_ticks_to_us(u64 ticks)
{
    return (u32)(ticks * 1000000u / timer_frequency());
}

u64 timer_deadline(u32 milliseconds)
{
    return timer_ticks() + (u64)milliseconds * (timer_frequency() / 1000);
}

bool timer_passed(u64 deadline)
{
    return timer_ticks() >= deadline;
}

bool timer_wait_count(volatile u32 *counter, u32 target, u32 milliseconds)
{
    u64 deadline = timer_deadline(milliseconds);

    for (;;) {
        irq_disable();
        u64 now = timer_ticks();
        if (*counter >= target || now >= deadline || uart_cancelled() || waking_intid() == 0)
            break;
        arm_timer(deadline - now);
        wfi();
        irq_enable();
    }
    disarm();
    irq_enable();
    /* Without a timer interrupt nothing would end the WFI: poll. */
    while (*counter < target && !timer_passed(deadline) && !uart_cancelled())
        ;
    return *counter >= target;
}

u32 timer_sleep(u32 milliseconds)
{
    u64 deadline = timer_deadline(milliseconds);
    u32 woken = 0;

    for (;; woken++) {
        irq_disable();
        u64 now = timer_ticks();
        if (now >= deadline || uart_cancelled() || waking_intid() == 0)
            break;
        arm_timer(deadline - now);
        wfi();
        irq_enable();
    }
    disarm();
    irq_enable();
    while (!timer_passed(deadline) && !uart_cancelled())
        ;
    return woken;
}

static u32 us_to_ticks(u32 microseconds)
{
    return (u32)((u64)timer_frequency() * microseconds / 1000000u);
}

/* Polls, because the timer that would end a WFI is the one under test. */
u32 timer_count_virtual(u32 count, u32 microseconds)
{
    virtual_fired = 0;
    for (u32 i = 1; i <= count; i++) {
        u64 deadline = timer_deadline(microseconds / 1000 + 1000);
        arm_timer(us_to_ticks(microseconds));
        while (virtual_fired < i && !timer_passed(deadline))
            ;
    }
    disarm();
    return virtual_fired;
}

u32 timer_count_physical(u32 count, u32 microseconds)
{
    physical_fired = 0;
    for (u32 i = 1; i <= count; i++) {
        write_CNTP_TVAL(us_to_ticks(microseconds));
        write_CNTP_CTL(CTL_ENABLE);
        isb();
        if (!timer_wait_count(&physical_fired, i, microseconds / 1000 + 1000))
            break;
    }
    write_CNTP_CTL(CTL_IMASK);
    isb();
    return physical_fired;
}
