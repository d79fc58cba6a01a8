/* SMMUv3 (Arm IHI 0070): a linear stream table, stage 1 with one context descriptor for each stream, command and event queue. */
#include "arm.h"
#include "board.h"
#include "fdt.h"
#include "gic.h"
#include "iommu.h"
#include "mmio.h"
#include "str.h"
#include "timer.h"

/* Registers, 6.2. */
#define IDR0 0x00
#define IDR0_S1P (1u << 1)
#define IDR0_TTF_AARCH32 (1u << 2)
#define IDR0_TTF_AARCH64 (1u << 3)
#define IDR5 0x14
#define IDR5_OAS 7u
#define IDR5_GRAN4K (1u << 4)
#define CR0 0x20
#define CR0_SMMUEN (1u << 0)
#define CR0_EVENTQEN (1u << 2)
#define CR0_CMDQEN (1u << 3)
#define CR0ACK 0x24
#define CR1 0x28
#define CR1_INNER_SHAREABLE_WRITE_BACK 0xd75u
#define CR2 0x2c
#define CR2_RECINVSID (1u << 1)
#define GBPA 0x44
#define GBPA_ABORT (1u << 20)
#define GBPA_UPDATE (1u << 31)
#define IRQ_CTRL 0x50
#define IRQ_CTRL_EVENTQ (1u << 2)
#define IRQ_CTRLACK 0x54
#define STRTAB_BASE 0x80
#define STRTAB_BASE_CFG 0x88
#define CMDQ_BASE 0x90
#define CMDQ_PROD 0x98
#define CMDQ_CONS 0x9c
#define EVENTQ_BASE 0xa0
#define PAGE_1 0x10000u
#define EVENTQ_PROD (PAGE_1 + 0xa8)
#define EVENTQ_CONS (PAGE_1 + 0xac)

/* Stream table entry, 5.2. */
#define STE_V 1u
#define STE_ABORT (0u << 1)
#define STE_BYPASS (4u << 1)
#define STE_STAGE_1 (5u << 1)
#define STE_1_SHCFG_INCOMING (1ull << 44)
#define STE_1_TABLES ((2ull << 6) | (1ull << 4) | (1ull << 2)) /* S1CSH, S1COR, S1CIR: as CR1 */
/* Context descriptor, 5.4. */
#define CD_WALKS ((3ull << 12) | (1ull << 10) | (1ull << 8))
#define CD_EPD1 (1ull << 30)
#define CD_V (1ull << 31)
#define CD_IPS(oas) ((u64)(oas) << 32)
#define CD_AA64 (1ull << 41)
#define CD_R (1ull << 45)
#define CD_A (1ull << 46)
#define CD_ASET (1ull << 47)
#define CD_ASID(asid) ((u64)(asid) << 48)
#define CD_3_MAIR_NORMAL 0xffull
/* Commands, 4. */
#define CMD_CFGI_STE 0x03u
#define CMD_CFGI_ALL 0x04u
#define CMD_CFGI_ALL_RANGE 31u
#define CMD_CFGI_CD 0x05u
#define CMD_TLBI_NH_ASID 0x11u
#define CMD_TLBI_NH_VA 0x12u
#define CMD_TLBI_NSNH_ALL 0x30u
#define CMD_SYNC 0x46u
#define CMD_LEAF 1ull
/* Events, 7.3. */
#define F_TRANSLATION 0x10u
#define F_PERMISSION 0x13u
#define F_FIRST_WITH_ADDRESS 0x10u
#define EVENT_1_READ (1ull << 35)

#define STREAM_BITS 8u
#define QUEUE_BITS 4u
#define QUEUE_LENGTH (1u << QUEUE_BITS)
#define INDEX(value) ((value) & (QUEUE_LENGTH - 1))
#define INDEX_AND_WRAP(value) ((value) & (2 * QUEUE_LENGTH - 1))
#define TIMEOUT_MS 5000

static struct {
    u64 streams[1u << STREAM_BITS][8] __attribute__((aligned(16384)));
    u64 contexts[IOMMU_CONTEXTS][8] __attribute__((aligned(64)));
    u64 commands[QUEUE_LENGTH][2] __attribute__((aligned(256)));
    u64 events[QUEUE_LENGTH][4] __attribute__((aligned(512)));
} memory __attribute__((section(".bss.translation_tables")));

static u32 base;

static u32 asid(u32 context)
{
    return context + 1;
}

static failure wait_for(u32 offset, u32 mask, u32 wanted, failure otherwise)
{
    u64 deadline = timer_deadline(TIMEOUT_MS);

    while ((read32(base + offset) & mask) != wanted) {
        if (timer_passed(deadline))
            return otherwise;
    }
    return NULL;
}

static failure control(u32 value)
{
    write32(base + CR0, value);
    return wait_for(CR0ACK, ~0u, value, "SMMU_CR0ACK doesn't follow SMMU_CR0");
}

/* Carries out a command and a CMD_SYNC behind it: when that is consumed, all before it is done (4.7.3). */
static failure carry_out(u64 low, u64 high)
{
    u32 at = read32(base + CMDQ_PROD);

    memory.commands[INDEX(at)][0] = low;
    memory.commands[INDEX(at)][1] = high;
    memory.commands[INDEX(at + 1)][0] = CMD_SYNC;
    memory.commands[INDEX(at + 1)][1] = 0;
    dsb();
    at = INDEX_AND_WRAP(at + 2);
    write32(base + CMDQ_PROD, at);
    return wait_for(CMDQ_CONS, ~0u, at, "the SMMU's command queue stops");
}

static void poll(void)
{
    u32 at = read32(base + EVENTQ_CONS);

    for (; INDEX_AND_WRAP(at) != INDEX_AND_WRAP(read32(base + EVENTQ_PROD)); at = INDEX_AND_WRAP(at + 1)) {
        dmb();
        const u64 *event = memory.events[INDEX(at)];
        u32 type = (u32)event[0] & 0xff;
        struct iommu_fault fault = {.kind = type < F_FIRST_WITH_ADDRESS ? IOMMU_STREAM
                                            : type == F_TRANSLATION     ? IOMMU_TRANSLATION
                                            : type == F_PERMISSION      ? IOMMU_PERMISSION
                                                                        : IOMMU_OTHER,
                                    .has_access = type >= F_FIRST_WITH_ADDRESS,
                                    .address = event[2],
                                    .stream = (u32)(event[0] >> 32),
                                    .status = type,
                                    .write = !(event[1] & EVENT_1_READ)};
        iommu_report(&fault);
    }
    write32(base + EVENTQ_CONS, at);
}

static void interrupt(void *argument)
{
    (void)argument;
    iommu_interrupts++;
    poll();
}

/* Entry of `interrupts` by its name. */
static u32 interrupt_named(u32 node, const char *name)
{
    u32 length;
    const char *names = fdt_property(node, "interrupt-names", &length);

    for (u32 at = 0, i = 0; names && at < length; at += (u32)strlen(names + at) + 1, i++) {
        if (strcmp(names + at, name) == 0)
            return board_intid(node, i);
    }
    return 0;
}

static failure start(u32 node, u32 at)
{
    base = at;
    if (!(read32(base + IDR0) & IDR0_S1P))
        return "the SMMU has no stage 1";
    failure reason = control(0);
    if (reason)
        return reason;
    memset(&memory, 0, sizeof memory);
    dsb();
    write32(base + CR1, CR1_INNER_SHAREABLE_WRITE_BACK);
    write32(base + CR2, CR2_RECINVSID);
    write64_two_halves(base + STRTAB_BASE, (u32)memory.streams);
    write32(base + STRTAB_BASE_CFG, STREAM_BITS);
    write64_two_halves(base + CMDQ_BASE, (u32)memory.commands | QUEUE_BITS);
    write32(base + CMDQ_PROD, 0);
    write32(base + CMDQ_CONS, 0);
    write64_two_halves(base + EVENTQ_BASE, (u32)memory.events | QUEUE_BITS);
    write32(base + EVENTQ_PROD, 0);
    write32(base + EVENTQ_CONS, 0);
    if ((reason = control(CR0_CMDQEN)) || (reason = carry_out(CMD_CFGI_ALL, CMD_CFGI_ALL_RANGE)) ||
        (reason = carry_out(CMD_TLBI_NSNH_ALL, 0)))
        return reason;
    u32 intid = interrupt_named(node, "eventq");
    if (board_has_gic() && intid) {
        gic_attach(intid, GIC_EDGE, interrupt, NULL);
        write32(base + IRQ_CTRL, IRQ_CTRL_EVENTQ);
        reason = wait_for(IRQ_CTRLACK, ~0u, IRQ_CTRL_EVENTQ, "SMMU_IRQ_CTRLACK doesn't follow SMMU_IRQ_CTRL");
    }
    return reason ? reason : control(CR0_CMDQEN | CR0_EVENTQEN | CR0_SMMUEN);
}

static bool has_format(enum iopt_format format)
{
    u32 idr0 = read32(base + IDR0);

    if (format == IOPT_LONG)
        return idr0 & IDR0_TTF_AARCH32;
    return format == IOPT_AARCH64 && (idr0 & IDR0_TTF_AARCH64) && (read32(base + IDR5) & IDR5_GRAN4K);
}

static void set_tables(u32 context, const struct iopt *tables)
{
    u64 *descriptor = memory.contexts[context];
    u64 first = CD_WALKS | CD_EPD1 | CD_V | CD_R | CD_A | CD_ASET | CD_ASID(asid(context));

    if (tables->format == IOPT_AARCH64)
        first |= CD_AA64 | CD_IPS(read32(base + IDR5) & IDR5_OAS) | (64 - IOPT_AARCH64_INPUT_BITS);
    descriptor[1] = (u32)tables->root;
    descriptor[3] = CD_3_MAIR_NORMAL;
    descriptor[0] = first;
    carry_out(CMD_TLBI_NH_ASID | (u64)asid(context) << 48, 0);
}

static void set_stream(u32 context, u32 stream, enum iommu_stream to)
{
    static const u8 config[] = {
        [IOMMU_TRANSLATED] = STE_V | STE_STAGE_1, [IOMMU_BYPASSED] = STE_V | STE_BYPASS, [IOMMU_REFUSED] = STE_V | STE_ABORT};
    volatile u64 *entry = memory.streams[stream];

    /* An entry is changed while it is not valid (3.21.3). */
    entry[0] = 0;
    carry_out(CMD_CFGI_STE | (u64)stream << 32, CMD_LEAF);
    entry[1] = STE_1_SHCFG_INCOMING | STE_1_TABLES;
    dsb();
    if (to != IOMMU_UNKNOWN)
        entry[0] = config[to] | (to == IOMMU_TRANSLATED ? (u32)memory.contexts[context] : 0);
    carry_out(CMD_CFGI_STE | (u64)stream << 32, CMD_LEAF);
    carry_out(CMD_CFGI_CD | (u64)stream << 32, CMD_LEAF);
}

static failure invalidate(u32 context, const struct iopt *tables, u64 iova)
{
    (void)tables;
    return carry_out(CMD_TLBI_NH_VA | (u64)asid(context) << 48, (iova & ~(u64)(PAGE_SIZE - 1)) | CMD_LEAF);
}

static void stop(void)
{
    /* What GBPA says counts while SMMUEN is 0 (6.3.14). */
    write32(base + GBPA, (read32(base + GBPA) & ~GBPA_ABORT) | GBPA_UPDATE);
    wait_for(GBPA, GBPA_UPDATE, 0, NULL);
    control(CR0_CMDQEN | CR0_EVENTQEN);
    poll();
}

const struct iommu_driver smmu_v3 = {
    "arm,smmu-v3", 1u << STREAM_BITS, start, has_format, set_tables, set_stream, invalidate, poll, stop,
};
