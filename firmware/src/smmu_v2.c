/* SMMUv2 (Arm IHI 0062D): stage 1 with stage 2 bypass, one stream mapping group and one context bank for each context. */
#include "arm.h"
#include "board.h"
#include "fdt.h"
#include "gic.h"
#include "iommu.h"
#include "mmio.h"
#include "timer.h"

/* Global register space 0, table 9-1. */
#define SCR0 0x000
#define SCR0_CLIENTPD (1u << 0)
#define SCR0_GFRE (1u << 1)
#define SCR0_GFIE (1u << 2)
#define SCR0_USFCFG (1u << 10)
#define SCR0_SMCFCFG (1u << 21)
#define IDR0 0x020
#define IDR0_S1TS (1u << 30)
#define IDR0_SMS (1u << 27)
#define IDR0_NO_AARCH32 (1u << 25)
#define IDR0_NO_SHORT (1u << 24)
#define IDR1 0x024
#define IDR2 0x028
#define IDR2_AARCH64_4K (1u << 12)
#define SGFAR 0x040
#define SGFSR 0x048
#define SGFSYNR0 0x050
#define SGFSYNR0_WNR (1u << 1)
#define SGFSYNR1 0x054
#define TLBIALLNSNH 0x068
#define TLBIALLH 0x06c
#define STLBGSYNC 0x070
#define STLBGSTATUS 0x074
#define SMR(n) (0x800 + 4 * (n))
#define SMR_VALID 0x80000000u
#define SMR_ID_MASK 0x7fffu
#define S2CR(n) (0xc00 + 4 * (n))
#define S2CR_TRANSLATE (0u << 16)
#define S2CR_BYPASS (1u << 16)
#define S2CR_FAULT (2u << 16)
/* Global register space 1, table 10-1. */
#define CBAR(n) (0x000 + 4 * (n))
#define CBAR_STAGE_1 (1u << 16)
#define CBFRSYNRA(n) (0x400 + 4 * (n))
#define CBA2R(n) (0x800 + 4 * (n))
#define CBA2R_VA64 1u
/* A context bank, table 16-1. */
#define CB_SCTLR 0x000
#define CB_SCTLR_M (1u << 0)
#define CB_SCTLR_CFRE (1u << 5)
#define CB_SCTLR_CFIE (1u << 6)
#define CB_SCTLR_HUPCF (1u << 8) /* accesses after a fault go on: 3.7.3 */
#define CB_TCR2 0x010
#define CB_TCR2_40_BITS 2u
#define CB_TCR2_SEP_UPSTREAM (7u << 15)
#define CB_TTBR0 0x020
#define CB_TCR 0x030
#define CB_TCR_EAE 0x80000000u
#define CB_TCR_EPD1 (1u << 23)
#define CB_TCR_WALKS ((3u << 12) | (1u << 10) | (1u << 8)) /* inner shareable, write-back */
#define CB_CONTEXTIDR 0x034
#define CB_MAIR0 0x038
#define CB_MAIR0_NORMAL 0xffu
#define CB_FSR 0x058
#define CB_FSR_TF (1u << 1)
#define CB_FSR_PF (1u << 3)
#define CB_FSR_FAULTS 0x800001feu
#define CB_FAR 0x060
#define CB_FSYNR0 0x068
#define CB_FSYNR0_WNR (1u << 4)
#define CB_TLBIVA 0x600
#define CB_TLBIASID 0x610
#define CB_TLBSYNC 0x7f0
#define CB_TLBSTATUS 0x7f4

#define SYNC_TIMEOUT_MS 5000

static u32 space0, space1, banks, bank_size;

static u32 bank(u32 context)
{
    return banks + context * bank_size;
}

/* One address space identifier for each context. */
static u32 asid(u32 context)
{
    return context + 1;
}

/* Two accesses to a 64-bit register; the one to the low half comes last, since it starts an invalidation. */
static void write_high_low(u32 address, u64 value)
{
    write32(address + 4, (u32)(value >> 32));
    write32(address, (u32)value);
}

static failure wait_for(u32 status)
{
    u64 deadline = timer_deadline(SYNC_TIMEOUT_MS);

    while (read32(status) & 1) {
        if (timer_passed(deadline))
            return "an SMMU invalidation doesn't complete";
    }
    return NULL;
}

static failure sync_bank(u32 context)
{
    write32(bank(context) + CB_TLBSYNC, 0);
    return wait_for(bank(context) + CB_TLBSTATUS);
}

static void poll_global(void)
{
    u32 status = read32(space0 + SGFSR);
    if (status == 0)
        return;
    struct iommu_fault fault = {.kind = IOMMU_STREAM,
                                .address = read64_two_halves(space0 + SGFAR),
                                .stream = read32(space0 + SGFSYNR1) & 0xffff,
                                .status = status,
                                .has_access = true,
                                .write = read32(space0 + SGFSYNR0) & SGFSYNR0_WNR};
    write32(space0 + SGFSR, status);
    iommu_report(&fault);
}

static void poll_bank(u32 context)
{
    u32 at = bank(context);
    u32 status = read32(at + CB_FSR) & CB_FSR_FAULTS;
    if (status == 0)
        return;
    struct iommu_fault fault = {
        .kind = status & CB_FSR_TF ? IOMMU_TRANSLATION : status & CB_FSR_PF ? IOMMU_PERMISSION : IOMMU_OTHER,
        .address = read64_two_halves(at + CB_FAR),
        .stream = read32(space1 + CBFRSYNRA(context)) & 0xffff,
        .status = status,
        .has_access = true,
        .write = read32(at + CB_FSYNR0) & CB_FSYNR0_WNR};
    write32(at + CB_FSR, status);
    iommu_report(&fault);
}

static void poll(void)
{
    poll_global();
    for (u32 i = 0; i < IOMMU_CONTEXTS; i++)
        poll_bank(i);
}

static void interrupt(void *argument)
{
    (void)argument;
    iommu_interrupts++;
    poll();
}

static failure start(u32 node, u32 base)
{
    u32 idr0 = read32(base + IDR0), idr1 = read32(base + IDR1);
    u32 page_shift = idr1 >> 31 ? 16 : 12, pages = 2u << ((idr1 >> 28) & 7);

    if ((idr0 & (IDR0_S1TS | IDR0_SMS)) != (IDR0_S1TS | IDR0_SMS))
        return "the SMMU has no stage 1, or no stream matching";
    if ((idr0 & 0xff) < IOMMU_CONTEXTS || (idr1 & 0xff) < IOMMU_CONTEXTS)
        return "the SMMU has too few stream mapping groups or context banks";
    space0 = base;
    space1 = base + (1u << page_shift);
    banks = base + (pages << page_shift);
    bank_size = 1u << page_shift;
    write32(space0 + SCR0, SCR0_CLIENTPD);
    for (u32 i = 0; i < (idr0 & 0xff); i++) {
        write32(space0 + S2CR(i), S2CR_FAULT);
        write32(space0 + SMR(i), 0);
    }
    for (u32 i = 0; i < (idr1 & 0xff); i++) {
        write32(bank(i) + CB_SCTLR, 0);
        write32(bank(i) + CB_FSR, CB_FSR_FAULTS);
    }
    write32(space0 + SGFSR, read32(space0 + SGFSR));
    write32(space0 + TLBIALLH, 0);
    write32(space0 + TLBIALLNSNH, 0);
    write32(space0 + STLBGSYNC, 0);
    failure reason = wait_for(space0 + STLBGSTATUS);
    if (reason)
        return reason;
    u32 global = fdt_u32(node, "#global-interrupts", 1);
    for (u32 i = 0; board_has_gic() && i < global + IOMMU_CONTEXTS; i++) {
        if (board_intid(node, i))
            gic_attach(board_intid(node, i), GIC_LEVEL, interrupt, NULL);
    }
    write32(space0 + SCR0, SCR0_GFRE | SCR0_GFIE | SCR0_USFCFG | SCR0_SMCFCFG);
    return NULL;
}

static bool has_format(enum iopt_format format)
{
    u32 idr0 = read32(space0 + IDR0);

    switch (format) {
    case IOPT_SHORT:
        return !(idr0 & (IDR0_NO_AARCH32 | IDR0_NO_SHORT));
    case IOPT_LONG:
        return !(idr0 & IDR0_NO_AARCH32);
    default:
        return read32(space0 + IDR2) & IDR2_AARCH64_4K;
    }
}

static void set_tables(u32 context, const struct iopt *tables)
{
    u32 at = bank(context);
    u32 root = (u32)tables->root;

    write32(at + CB_SCTLR, 0);
    write32(space1 + CBAR(context), CBAR_STAGE_1);
    write32(space1 + CBA2R(context), tables->format == IOPT_AARCH64 ? CBA2R_VA64 : 0);
    switch (tables->format) {
    case IOPT_SHORT:
        write32(at + CB_TCR, 0);
        write_high_low(at + CB_TTBR0, root);
        write32(at + CB_CONTEXTIDR, asid(context));
        break;
    case IOPT_LONG:
        write32(at + CB_TCR, CB_TCR_EAE | CB_TCR_EPD1 | CB_TCR_WALKS);
        write_high_low(at + CB_TTBR0, root | (u64)asid(context) << 48);
        break;
    default:
        write32(at + CB_TCR2, CB_TCR2_40_BITS | CB_TCR2_SEP_UPSTREAM);
        write32(at + CB_TCR, CB_TCR_EPD1 | CB_TCR_WALKS | (64 - IOPT_AARCH64_INPUT_BITS));
        write_high_low(at + CB_TTBR0, root | (u64)asid(context) << 48);
    }
    write32(at + CB_MAIR0, CB_MAIR0_NORMAL);
    write32(at + CB_TLBIASID, asid(context));
    sync_bank(context);
    write32(at + CB_SCTLR, CB_SCTLR_M | CB_SCTLR_CFRE | CB_SCTLR_CFIE | CB_SCTLR_HUPCF);
}

static void set_stream(u32 context, u32 stream, enum iommu_stream to)
{
    if (to == IOMMU_UNKNOWN) {
        write32(space0 + SMR(context), 0);
        return;
    }
    write32(space0 + S2CR(context), to == IOMMU_TRANSLATED ? S2CR_TRANSLATE | context : to == IOMMU_BYPASSED ? S2CR_BYPASS : S2CR_FAULT);
    write32(space0 + SMR(context), SMR_VALID | stream);
}

static failure invalidate(u32 context, const struct iopt *tables, u64 iova)
{
    u64 page = iova >> 12;

    if (tables->format == IOPT_AARCH64)
        write_high_low(bank(context) + CB_TLBIVA, page | (u64)asid(context) << 48);
    else
        write32(bank(context) + CB_TLBIVA, (u32)(page << 12) | asid(context));
    return sync_bank(context);
}

static void stop(void)
{
    write32(space0 + SCR0, SCR0_CLIENTPD);
    poll();
}

const struct iommu_driver smmu_v2 = {
    "arm,smmu-v2", SMR_ID_MASK + 1, start, has_format, set_tables, set_stream, invalidate, poll, stop,
};
