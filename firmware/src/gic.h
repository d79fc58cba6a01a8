/* Generic Interrupt Controller, architecture 2 (IHI 0048B), and its MSI frame GICv2m (SBSA 1.0, appendix E). */
#ifndef ARMEMU_GIC_H
#define ARMEMU_GIC_H

#include "types.h"

#define GIC_INTIDS 288

enum gic_trigger { GIC_LEVEL, GIC_EDGE };
typedef void (*irq_handler)(void *argument);

/* Starts the distributor and this CPU's interface. */
void gic_start(u32 distributor, u32 cpu_interface);
/* The CPU interface alone, for secondary CPUs. */
void gic_start_cpu_interface(void);
/* Enables one of this CPU's own interrupts (SGI, PPI) without a handler: the caller acknowledges it itself. */
void gic_enable_private(u32 intid);
u32 gic_intid_count(void);
/* Sets trigger and handler, clears what is pending, enables. */
void gic_attach(u32 intid, enum gic_trigger trigger, irq_handler handler, void *argument);
void gic_detach(u32 intid);
/* Interrupts that no handler was attached to; each is disabled when it comes. */
u32 gic_spurious_count(void);
/* Software generated interrupt to the CPUs in the mask. */
void gic_send_sgi(u32 intid, u32 cpu_mask);
u32 gic_acknowledge(void);
void gic_end(u32 acknowledged);

/* MSI frame: false when it has no SPIs. */
bool v2m_start(u32 base);
/* Takes `count` consecutive INTIDs; 0 when there are no more. */
u32 v2m_allocate(u32 count);
void v2m_free(u32 intid, u32 count);
u32 v2m_doorbell(void);
u32 v2m_first_intid(void);
u32 v2m_intid_count(void);

#endif
