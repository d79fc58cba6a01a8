#include "timer.h"

#include "arm.h"
#include "board.h"
#include "gic.h"
#include "uart.h"

/* CNTV_CTL, CNTP_CTL: DDI 0406C B4.1.31. */
#define CTL_ENABLE (1u << 0)
#define CTL_IMASK (1u << 1)

static volatile u32 virtual_fired, physical_fired;

/* The output is a level: it is taken away at its source, or it would fire again at once (B8.1.5). */
static void virtual_interrupt(void *unused)
{
    (void)unused;
    write_CNTV_CTL(CTL_IMASK);
    isb();
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
    write_CNTV_CTL(CTL_IMASK);
    write_CNTP_CTL(CTL_IMASK);
    isb();
    if (board.timer_virtual_intid)
        gic_attach(board.timer_virtual_intid, GIC_LEVEL, virtual_interrupt, NULL);
    if (board.timer_physical_intid)
        gic_attach(board.timer_physical_intid, GIC_LEVEL, physical_interrupt, NULL);
}

u32 timer_frequency(void)
{
    return read_CNTFRQ();
}

u64 timer_ticks(void)
{
    return read_CNTVCT();
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

static void arm_virtual(u64 ticks)
{
    write_CNTV_TVAL(ticks > 0x7fffffff ? 0x7fffffff : (u32)ticks);
    write_CNTV_CTL(CTL_ENABLE);
    isb();
}

bool timer_wait_count(volatile u32 *counter, u32 target, u32 milliseconds)
{
    u64 deadline = timer_deadline(milliseconds);

    for (;;) {
        irq_disable();
        u64 now = timer_ticks();
        if (*counter >= target || now >= deadline || uart_cancelled() || board.timer_virtual_intid == 0)
            break;
        arm_virtual(deadline - now);
        wfi();
        irq_enable();
    }
    write_CNTV_CTL(CTL_IMASK);
    isb();
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
        if (now >= deadline || uart_cancelled() || board.timer_virtual_intid == 0)
            break;
        arm_virtual(deadline - now);
        wfi();
        irq_enable();
    }
    write_CNTV_CTL(CTL_IMASK);
    isb();
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
        write_CNTV_TVAL(us_to_ticks(microseconds));
        write_CNTV_CTL(CTL_ENABLE);
        isb();
        while (virtual_fired < i && !timer_passed(deadline))
            ;
    }
    write_CNTV_CTL(CTL_IMASK);
    isb();
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
