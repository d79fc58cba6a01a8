#include "gic.h"
#include "mmio.h"

/* GICv2m, Server Base System Architecture 1.0 appendix E. */
#define MSI_TYPER 0x008
#define MSI_SETSPI_NS 0x040

static u32 frame, first, count;
static u32 used[8];

bool v2m_start(u32 base)
{
    u32 typer = read32(base + MSI_TYPER);

    frame = base;
    first = (typer >> 16) & 0x3ff;
    count = typer & 0x3ff;
    if (count > sizeof used * 8)
        count = sizeof used * 8;
    return count > 0;
}

static bool taken(u32 index)
{
    return (used[index / 32] >> (index % 32)) & 1;
}

u32 v2m_allocate(u32 wanted)
{
    /* Multi-message MSI changes the low bits of the data, so a run is aligned to its length (PCI 3.0, 6.8.1.6). */
    for (u32 at = 0; at + wanted <= count; at++) {
        u32 run = 0;
        while (run < wanted && (first + at) % wanted == 0 && !taken(at + run))
            run++;
        if (run < wanted)
            continue;
        for (u32 i = at; i < at + wanted; i++)
            used[i / 32] |= 1u << (i % 32);
        return first + at;
    }
    return 0;
}

void v2m_free(u32 intid, u32 freed)
{
    for (u32 i = intid - first; i < intid - first + freed && i < count; i++)
        used[i / 32] &= ~(1u << (i % 32));
}

u32 v2m_doorbell(void)
{
    return frame + MSI_SETSPI_NS;
}

u32 v2m_first_intid(void)
{
    return first;
}

u32 v2m_intid_count(void)
{
    return count;
}
