#include "smp.h"

#include "arm.h"
#include "board.h"
#include "check.h"
#include "gic.h"
#include "power.h"
#include "print.h"
#include "timer.h"

#define SGI_TO_SECONDARY 1u
#define SGI_TO_PRIMARY 2u
#define INCREMENTS 2000u
#define TIMEOUT_MS 20000
#define MPIDR_AFFINITY 0x00ffffffu
#define STACK_SIZE 4096u

void secondary_start(void);

static u8 stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(8)));
static volatile u32 arrived_mpidr, finished;
static volatile u32 answers;
static u32 shared_count;

/* Atomic builtins become LDREX/STREX loops (DDI 0406C A3.4). */
static void count_together(void)
{
    for (u32 i = 0; i < INCREMENTS; i++)
        __atomic_fetch_add(&shared_count, 1, __ATOMIC_SEQ_CST);
}

void secondary_main(void)
{
    gic_start_cpu_interface();
    gic_enable_private(SGI_TO_SECONDARY);
    arrived_mpidr = read_MPIDR() | 1u << 31;
    dsb();
    count_together();
    finished = 1;
    /* IRQ stays masked here; a pending one still ends the WFI. */
    u32 acknowledged;
    do {
        wfi();
        acknowledged = gic_acknowledge();
    } while ((acknowledged & 0x3ff) != SGI_TO_SECONDARY);
    gic_end(acknowledged);
    gic_send_sgi(SGI_TO_PRIMARY, 1);
    psci_cpu_off();
}

static void answer_interrupt(void *unused)
{
    (void)unused;
    answers++;
}

static bool wait_until_off(u32 mpidr)
{
    u64 deadline = timer_deadline(TIMEOUT_MS);

    while (psci_affinity_info(mpidr) != PSCI_AFFINITY_OFF) {
        if (timer_passed(deadline))
            return false;
    }
    return true;
}

static failure run_on(u32 index)
{
    u32 mpidr = board.cpu_mpidr[index];
    u64 deadline = timer_deadline(TIMEOUT_MS);

    shared_count = 0;
    arrived_mpidr = finished = answers = 0;
    if (psci_cpu_on(mpidr, (u32)secondary_start, (u32)stacks[index] + STACK_SIZE) != PSCI_SUCCESS)
        return "CPU_ON is refused";
    while (arrived_mpidr == 0) {
        if (timer_passed(deadline))
            return "it doesn't run";
    }
    count_together();
    while (!finished) {
        if (timer_passed(deadline))
            return "it doesn't come to the end of its loop";
    }
    gic_send_sgi(SGI_TO_SECONDARY, 1u << index);
    if (!timer_wait_count(&answers, 1, TIMEOUT_MS))
        return "it doesn't answer the SGI";
    if (!wait_until_off(mpidr))
        return "AFFINITY_INFO doesn't say off";
    if ((arrived_mpidr & MPIDR_AFFINITY) != mpidr)
        return "it has another MPIDR";
    return shared_count == 2 * INCREMENTS ? NULL : "increments were lost";
}

void smp_check(void)
{
    if (board.cpu_count < 2 || !board.psci_present || !board_has_gic()) {
        check_skip("secondary CPUs", board.cpu_count < 2 ? "one CPU in the device tree" : "no PSCI or no GICv2 in the device tree");
        return;
    }
    gic_attach(SGI_TO_PRIMARY, GIC_EDGE, answer_interrupt, NULL);
    for (u32 i = 1; i < board.cpu_count; i++) {
        char title[24];
        failure reason = run_on(i);
        format_text(title, sizeof title, "CPU %u", i);
        if (reason)
            check(false, title, "%s", reason);
        else
            check(true, title, "on, counted to %u together with CPU 0, answered an SGI, off again", shared_count);
    }
}
