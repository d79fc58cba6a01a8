#include "gic.h"

#include "arm.h"
#include "mmio.h"

/* Distributor, IHI 0048B table 4-1. */
#define GICD_CTLR 0x000
#define GICD_TYPER 0x004
#define GICD_ISENABLER 0x100
#define GICD_ICENABLER 0x180
#define GICD_ICPENDR 0x280
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR 0x800
#define GICD_ICFGR 0xc00
#define GICD_SGIR 0xf00
/* CPU interface, table 4-2. */
#define GICC_CTLR 0x000
#define GICC_PMR 0x004
#define GICC_BPR 0x008
#define GICC_IAR 0x00c
#define GICC_EOIR 0x010

#define INTID_MASK 0x3ffu
#define INTID_SPECIAL 1020u
#define FIRST_SPI 32u
#define PRIORITY_NORMAL 0xa0u

static u32 distributor, cpu_interface, intid_count;
static irq_handler handlers[GIC_INTIDS];
static void *arguments[GIC_INTIDS];
static volatile u32 spurious;

void gic_start_cpu_interface(void)
{
    write32(cpu_interface + GICC_PMR, 0xff);
    write32(cpu_interface + GICC_BPR, 0);
    write32(cpu_interface + GICC_CTLR, 1);
}

void gic_start(u32 distributor_base, u32 cpu_interface_base)
{
    distributor = distributor_base;
    cpu_interface = cpu_interface_base;
    write32(distributor + GICD_CTLR, 0);
    intid_count = ((read32(distributor + GICD_TYPER) & 0x1f) + 1) * 32;
    for (u32 i = 0; i < intid_count; i += 32) {
        write32(distributor + GICD_ICENABLER + i / 8, 0xffffffff);
        write32(distributor + GICD_ICPENDR + i / 8, 0xffffffff);
    }
    for (u32 i = 0; i < intid_count; i += 4)
        write32(distributor + GICD_IPRIORITYR + i, PRIORITY_NORMAL * 0x01010101u);
    for (u32 i = FIRST_SPI; i < intid_count; i += 4)
        write32(distributor + GICD_ITARGETSR + i, 0x01010101);
    write32(distributor + GICD_CTLR, 1);
    gic_start_cpu_interface();
    dsb();
}

void gic_enable_private(u32 intid)
{
    write32(distributor + GICD_ISENABLER, 1u << intid);
    dsb();
}

u32 gic_intid_count(void)
{
    return intid_count;
}

void gic_attach(u32 intid, enum gic_trigger trigger, irq_handler handler, void *argument)
{
    u32 bit = 1u << (intid % 32), word = intid / 32 * 4;

    if (intid >= GIC_INTIDS)
        return;
    write32(distributor + GICD_ICENABLER + word, bit);
    if (intid >= FIRST_SPI) {
        u32 address = distributor + GICD_ICFGR + intid / 16 * 4;
        u32 edge = 2u << (intid % 16 * 2);
        u32 config = read32(address);
        write32(address, trigger == GIC_EDGE ? config | edge : config & ~edge);
    }
    handlers[intid] = handler;
    arguments[intid] = argument;
    write32(distributor + GICD_ICPENDR + word, bit);
    dsb();
    write32(distributor + GICD_ISENABLER + word, bit);
    dsb();
}

void gic_detach(u32 intid)
{
    if (intid >= GIC_INTIDS)
        return;
    write32(distributor + GICD_ICENABLER + intid / 32 * 4, 1u << (intid % 32));
    /* A disabled interrupt may still be on its way to the CPU until the write has reached the distributor. */
    (void)read32(distributor + GICD_CTLR);
    dsb();
    handlers[intid] = NULL;
}

u32 gic_spurious_count(void)
{
    return spurious;
}

void gic_send_sgi(u32 intid, u32 cpu_mask)
{
    dsb();
    write32(distributor + GICD_SGIR, (cpu_mask << 16) | intid);
}

u32 gic_acknowledge(void)
{
    return read32(cpu_interface + GICC_IAR);
}

void gic_end(u32 acknowledged)
{
    dsb();
    write32(cpu_interface + GICC_EOIR, acknowledged);
}

/* Called by entry_irq in IRQ mode, IRQ masked. */
void irq_dispatch(void)
{
    for (;;) {
        u32 acknowledged = gic_acknowledge();
        u32 intid = acknowledged & INTID_MASK;
        if (intid >= INTID_SPECIAL)
            return;
        if (intid < GIC_INTIDS && handlers[intid]) {
            handlers[intid](arguments[intid]);
        } else {
            spurious++;
            write32(distributor + GICD_ICENABLER + intid / 32 * 4, 1u << (intid % 32));
        }
        gic_end(acknowledged);
    }
}
