#include "mmu.h"

#include "arm.h"

/* First-level descriptors, DDI 0406C B3.5.1. */
#define L1_PAGE_TABLE 0x1u
#define L1_SECTION 0x2u
#define L1_SECTION_XN (1u << 4)
#define L1_SECTION_B (1u << 2)
#define L1_SECTION_C (1u << 3)
#define L1_SECTION_AP_PL1_RW (1u << 10)
#define L1_SECTION_TEX_1 (1u << 12)
#define L1_SECTION_S (1u << 16)
#define L1_SECTION_NORMAL (L1_SECTION_TEX_1 | L1_SECTION_C | L1_SECTION_B | L1_SECTION_S)
#define L1_SECTION_DEVICE L1_SECTION_B
/* Second-level small pages. */
#define L2_SMALL_PAGE 0x2u
#define L2_XN (1u << 0)
#define L2_NORMAL ((1u << 6) | (1u << 3) | (1u << 2) | (1u << 10))
#define L2_AP_PL1_RW (1u << 4)
#define L2_AP_PL1_RO ((1u << 9) | (1u << 4))
/* TTBR0 walk attributes: inner and outer write-back write-allocate, shareable (B4.1.154, with multiprocessing). */
#define TTBR_WALK_ATTRIBUTES ((1u << 6) | (1u << 3) | (1u << 1))
#define DACR_DOMAIN0_CLIENT 1u

extern u8 ram_base[], image_start[], text_end[], rodata_end[], image_end[];
extern u8 stack_svc_guard[], stack_irq_guard[], stack_abt_guard[], stack_und_guard[], stack_fiq_guard[];

static u32 level1[4096] __attribute__((aligned(16384), section(".bss.translation_tables")));
static u32 level2[256] __attribute__((aligned(1024), section(".bss.translation_tables")));

static void unmap_page(const u8 *page)
{
    level2[((u32)page >> 12) & 0xff] = 0;
}

static void map_image(void)
{
    u32 base = (u32)image_start;

    for (u32 i = 0; i < ARRAY_LENGTH(level2); i++) {
        u32 page = base + i * PAGE_SIZE;
        u32 descriptor = page | L2_NORMAL | L2_SMALL_PAGE;
        if (page < (u32)text_end)
            descriptor |= L2_AP_PL1_RO;
        else if (page < (u32)rodata_end)
            descriptor |= L2_AP_PL1_RO | L2_XN;
        else
            descriptor |= L2_AP_PL1_RW | L2_XN;
        level2[i] = descriptor;
    }
    unmap_page(stack_svc_guard);
    unmap_page(stack_irq_guard);
    unmap_page(stack_abt_guard);
    unmap_page(stack_und_guard);
    unmap_page(stack_fiq_guard);
    level1[base >> 20] = (u32)level2 | L1_PAGE_TABLE;
}

static void map_sections(u32 base, u32 size, u32 attributes)
{
    u32 first = base >> 20;
    u32 last = (base + (size - 1)) >> 20;
    u32 image = (u32)image_start >> 20;

    for (u32 i = first; i <= last && size != 0; i++) {
        if (i != image)
            level1[i] = (i << 20) | attributes | L1_SECTION_AP_PL1_RW | L1_SECTION_XN | L1_SECTION;
    }
    /* A15 walks look into the data cache, so making the stores visible is enough (B3.10.1). */
    dsb();
    write_TLBIALL(0);
    write_BPIALL(0);
    dsb();
    isb();
}

void mmu_map_ram(u32 base, u32 size)
{
    map_sections(base, size, L1_SECTION_NORMAL);
}

void mmu_map_device(u32 base, u32 size)
{
    map_sections(base, size, L1_SECTION_DEVICE);
}

void mmu_enable(void)
{
    u32 actlr = read_ACTLR();
    if (!(actlr & ACTLR_SMP))
        write_ACTLR(actlr | ACTLR_SMP);
    write_TTBCR(0);
    write_TTBR0((u32)level1 | TTBR_WALK_ATTRIBUTES);
    write_DACR(DACR_DOMAIN0_CLIENT);
    dsb();
    isb();
    write_TLBIALL(0);
    write_ICIALLU(0);
    write_BPIALL(0);
    dsb();
    isb();
    u32 sctlr = read_SCTLR() & ~(SCTLR_A | SCTLR_TRE | SCTLR_AFE | SCTLR_TE | SCTLR_V);
    write_SCTLR(sctlr | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_Z);
    isb();
}

void mmu_start(void)
{
    map_image();
    map_sections((u32)ram_base, 2 * MIB, L1_SECTION_NORMAL);
    mmu_enable();
}
