#include "arm.h"
#include "board.h"
#include "check.h"
#include "edu.h"
#include "mmio.h"
#include "print.h"
#include "str.h"
#include "timer.h"

#define GUARD 64u
#define GUARD_BYTE 0x5a
#define INTERRUPT_TIMEOUT_MS 10000
#define QUIET_MS 50
#define MAX_SAMPLES 256u

static u8 outgoing[EDU_BUFFER_SIZE] __attribute__((aligned(4096), section(".bss.dma")));
static u8 incoming[GUARD + EDU_BUFFER_SIZE + GUARD] __attribute__((aligned(4096), section(".bss.dma")));
static u32 samples[MAX_SAMPLES];

static const char *const completion_names[] = {"poll", "MSI", "INTx"};

static const char *titled(const struct pci_device *device, const char *what)
{
    static char title[40];
    format_text(title, sizeof title, "%s %s", pci_name(device), what);
    return title;
}

void edu_test_registers(struct pci_device *device)
{
    u32 base = device->bar[0].cpu;
    u32 ident = read32(base + EDU_IDENT);
    u32 pattern = 0x12345678, inverted, result = 0;

    check((ident & 0xff) == 0xed, titled(device, "edu identification"), "0x%08x, version %u.%u", ident, ident >> 24,
          (ident >> 16) & 0xff);
    write32(base + EDU_LIVENESS, pattern);
    inverted = read32(base + EDU_LIVENESS);
    check(inverted == ~pattern, titled(device, "edu liveness"), "0x%08x came back as 0x%08x", pattern, inverted);
    edu_use(device, EDU_POLL);
    failure reason = edu_factorial(device, 10, &result);
    if (!reason && result != 3628800)
        reason = "wrong result";
    check(!reason, titled(device, "edu factorial"), "10! = %u, by poll%s%s", result, reason ? ": " : "", reason ? reason : "");
}

static bool identified_at(u32 base)
{
    return (read32(base + EDU_IDENT) & 0xff) == 0xed;
}

static bool test_decoding_off(struct pci_device *device)
{
    pci_command(device, 0, PCI_COMMAND_MEMORY);
    u32 off = read32(device->bar[0].cpu + EDU_IDENT);
    pci_command(device, PCI_COMMAND_MEMORY, 0);
    bool back = identified_at(device->bar[0].cpu);
    return check(off == 0xffffffff && back, titled(device, "memory decode off"), "reads 0x%08x, %s when on again", off,
                 back ? "identified" : "not identified");
}

/* To the end of the window and back; decoding stays on, as PCI 3.0 6.2.5.1 allows where nothing else is hit. */
static bool test_bar_move(struct pci_device *device)
{
    u32 home = device->bar[0].bus, home_cpu = device->bar[0].cpu;
    u32 end = board.memory_window.pci + board.memory_window.size;
    u32 away = (end - (u32)device->bar[0].size) & ~((u32)device->bar[0].size - 1);

    if (device->bdf >> 8) {
        check_skip(titled(device, "BAR move"), "behind a bridge, whose window it would leave");
        return true;
    }
    if (!pci_move_bar(device, 0, away))
        return check(false, titled(device, "BAR move"), "0x%08x is not in the window", away);
    bool there = identified_at(device->bar[0].cpu);
    u32 left = read32(home_cpu + EDU_IDENT);
    pci_move_bar(device, 0, home);
    bool back = identified_at(device->bar[0].cpu);
    return check(there && left == 0xffffffff && back, titled(device, "BAR move"), "to 0x%08x: %s, left behind 0x%08x, %s", away,
                 there ? "identified" : "not identified", left, back ? "back again" : "not back");
}

static u32 fill(u8 *buffer, u32 count, u32 seed)
{
    for (u32 i = 0; i < count; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        buffer[i] = (u8)seed;
    }
    return seed;
}

static failure compare(u32 count, u32 *at)
{
    for (*at = 0; *at < count; ++*at) {
        if (incoming[GUARD + *at] != outgoing[*at])
            return "data differs";
    }
    for (u32 i = 0; i < GUARD; i++) {
        if (incoming[i] != GUARD_BYTE || incoming[GUARD + count + i] != GUARD_BYTE)
            return "bytes outside the buffer were written";
    }
    return NULL;
}

bool edu_test_dma(struct pci_device *device, enum edu_completion completion, u32 count)
{
    static u32 seed = 0;
    u32 at = 0;

    seed = fill(outgoing, count, seed ? seed : 0x9e3779b9);
    memset(incoming, GUARD_BYTE, sizeof incoming);
    failure reason = edu_use(device, completion);
    u64 start = timer_ticks();
    if (!reason)
        reason = edu_transfer(device, (u32)outgoing, count, false);
    if (!reason)
        reason = edu_transfer(device, (u32)incoming + GUARD, count, true);
    u32 us = timer_ticks_to_us(timer_ticks() - start);
    if (!reason)
        reason = compare(count, &at);
    char what[32];
    format_text(what, sizeof what, "DMA (%s)", completion_names[completion]);
    if (!reason)
        return check(true, titled(device, what), "%u bytes to the device and back, equal, %u us", count, us);
    return check(false, titled(device, what), "%s (byte %u of %u)", reason, at, count);
}

/* Without bus master the device may not write (PCI 3.0, 6.2.2), whatever it says about the transfer. */
static bool test_bus_master_off(struct pci_device *device)
{
    u32 changed = 0;

    fill(outgoing, GUARD, 0x6b8b4567);
    memset(incoming, GUARD_BYTE, sizeof incoming);
    edu_use(device, EDU_POLL);
    failure reason = edu_transfer(device, (u32)outgoing, GUARD, false);
    pci_command(device, 0, PCI_COMMAND_MASTER);
    if (!reason)
        reason = edu_transfer(device, (u32)incoming, GUARD, true);
    pci_command(device, PCI_COMMAND_MASTER, 0);
    for (u32 i = 0; i < GUARD; i++)
        changed += incoming[i] != GUARD_BYTE;
    return check(!reason && changed == 0, titled(device, "bus master off"), "%u of %u bytes arrived%s%s", changed, GUARD,
                 reason ? ", " : "", reason ? reason : "");
}

bool edu_test_rules(struct pci_device *device)
{
    return test_decoding_off(device) & test_bar_move(device) & test_bus_master_off(device);
}

/* Raises `count` interrupts, each with its own status bit; answers how many came with the right status. */
static u32 raise_and_count(struct pci_device *device, u32 count)
{
    u32 good = 0;

    for (u32 i = 0; i < count; i++) {
        u32 value = 2u << i, target = edu_interrupts + 1;
        write32(device->bar[0].cpu + EDU_IRQ_RAISE, value);
        if (!timer_wait_count(&edu_interrupts, target, INTERRUPT_TIMEOUT_MS))
            break;
        if (edu_last_status == value)
            good++;
    }
    return good;
}

bool edu_test_msi(struct pci_device *device)
{
    const char *title = titled(device, "endpoint MSI");
    u32 result = 0;
    failure reason = edu_use(device, EDU_MSI);
    if (reason)
        return check(false, title, "%s", reason);
    u32 intid = device->msi_intid;
    u32 good = raise_and_count(device, 4);
    reason = edu_factorial(device, 6, &result);
    u32 count = edu_interrupts;
    edu_use(device, EDU_POLL);
    return check(good == 4 && count == 5 && !reason && result == 720, title,
                 "%u of 5 interrupts (4 raised, 1 factorial), INTID %u%s%s", count, intid, reason ? ": " : "",
                 reason ? reason : "");
}

bool edu_test_intx(struct pci_device *device)
{
    failure reason = edu_use(device, EDU_INTX);
    if (reason)
        return check(false, titled(device, "endpoint INTx"), "%s", reason);
    u32 good = raise_and_count(device, 4);
    u32 count = edu_interrupts;
    bool passed = check(good == 4 && count == 4, titled(device, "endpoint INTx"), "%u of 4 interrupts, INT%c, INTID %u", count,
                        'A' + device->pin - 1, device->intid);

    /* INTx Disable (PCI 3.0, 6.2.2): the device must stay quiet, and fire once the bit is cleared. */
    pci_command(device, PCI_COMMAND_INTX_DISABLE, 0);
    (void)pci_read16(device->bdf, PCI_COMMAND);
    write32(device->bar[0].cpu + EDU_IRQ_RAISE, 0x40);
    timer_sleep(QUIET_MS);
    u32 while_masked = edu_interrupts - count;
    u16 status = pci_read16(device->bdf, PCI_STATUS);
    pci_command(device, 0, PCI_COMMAND_INTX_DISABLE);
    timer_wait_count(&edu_interrupts, count + 1, INTERRUPT_TIMEOUT_MS);
    timer_sleep(QUIET_MS / 10);
    u32 refired = edu_interrupts - count - while_masked;
    bool refire_good = while_masked == 0 && refired == 1 && edu_last_status == 0x40;
    passed &= check(refire_good, titled(device, "endpoint INTx mask"), "%u while disabled (status bit %u), %u of 1 after enabling",
                    while_masked, status & PCI_STATUS_INTERRUPT ? 1 : 0, refired);
    edu_use(device, EDU_POLL);
    return passed;
}

failure edu_stray(struct pci_device *device, u32 bus_address, u32 count)
{
    bool visible = board_is_ram(bus_address, count);
    u32 changed = 0;
    static u8 before[64];

    if (count > sizeof before)
        return "at most 64 bytes";
    fill(outgoing, count, 0xdeadbeef ^ bus_address);
    edu_use(device, EDU_POLL);
    failure reason = edu_transfer(device, (u32)outgoing, count, false);
    if (reason)
        return reason;
    if (visible)
        memcpy(before, (const void *)bus_address, count);
    reason = edu_transfer(device, bus_address, count, true);
    print("stray DMA of %u bytes to bus address 0x%08x: %s\n", count, bus_address, reason ? reason : "the device reports completion");
    if (visible) {
        for (u32 i = 0; i < count; i++)
            changed += ((const volatile u8 *)bus_address)[i] != before[i];
        print("that is RAM: %u of %u bytes changed\n", changed, count);
    }
    print("sent %02x %02x %02x %02x %02x %02x %02x %02x ...\n", outgoing[0], outgoing[1], outgoing[2], outgoing[3], outgoing[4],
          outgoing[5], outgoing[6], outgoing[7]);
    return reason;
}

/* Time from the store that raises an MSI to the handler, while the CPU computes (it spins, it doesn't sleep). */
failure edu_latency(struct pci_device *device, u32 count)
{
    failure reason = edu_use(device, EDU_MSI);
    if (reason)
        return reason;
    if (count == 0 || count > MAX_SAMPLES)
        return "1 to 256 samples";
    for (u32 i = 0; i < count; i++) {
        u32 target = edu_interrupts + 1;
        u64 deadline = timer_deadline(INTERRUPT_TIMEOUT_MS);
        u64 start = timer_ticks();
        write32(device->bar[0].cpu + EDU_IRQ_RAISE, 1);
        while (edu_interrupts < target) {
            if (timer_passed(deadline))
                return "an interrupt didn't come";
        }
        u32 ticks = (u32)(edu_last_ticks - start), at = i;
        for (; at > 0 && samples[at - 1] > ticks; at--)
            samples[at] = samples[at - 1];
        samples[at] = ticks;
    }
    edu_use(device, EDU_POLL);
    print("MSI latency over %u: min %u us, median %u us, max %u us\n", count, timer_ticks_to_us(samples[0]),
          timer_ticks_to_us(samples[count / 2]), timer_ticks_to_us(samples[count - 1]));
    return NULL;
}
