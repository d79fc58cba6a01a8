#include "e1000e_loop.h"

#include "../src/arm.h"
#include "../src/mac.h"
#include "../src/mmio.h"
#include "../src/str.h"
#include "../src/timer.h"

/* Registers, 10.2. */
#define CTRL 0x0000
#define CTRL_FD (1u << 0)
#define CTRL_SLU (1u << 6)
#define CTRL_RST (1u << 26)
#define STATUS 0x0008
#define STATUS_LU (1u << 1)
#define IMC 0x00d8
#define RCTL 0x0100
#define RCTL_EN (1u << 1)
#define RCTL_UPE (1u << 3)
#define RCTL_LBM_MAC (1u << 6)
#define RCTL_BAM (1u << 15)
#define RCTL_SECRC (1u << 26)
#define TCTL 0x0400
#define TCTL_EN (1u << 1)
#define TCTL_PSP (1u << 3)
#define TCTL_CT (0xfu << 4)
#define TCTL_COLD (0x3fu << 12)
#define RDBAL 0x2800
#define TDBAL 0x3800
#define RING_HIGH 0x04
#define RING_LENGTH 0x08
#define RING_HEAD 0x10
#define RING_TAIL 0x18

/* Descriptors, 3.2.4 and 3.3.3 (legacy). */
#define TX_EOP (1u << 24)
#define TX_IFCS (1u << 25)
#define TX_RS (1u << 27)
#define RX_DD (1u << 0)
#define RX_EOP (1u << 1)

#define RING 64u
#define BATCH 32u
#define BUFFER 2048u
#define HEADER 14u
#define LONGEST 1514u
#define TIMEOUT_MS 20000

struct descriptor {
    u32 address[2];
    u32 length; /* transmit: and the command; receive: and a checksum */
    u32 status;
};

static struct {
    volatile struct descriptor transmit[RING], receive[RING];
    u8 sent[BATCH][BUFFER], received[RING][BUFFER];
} dma __attribute__((aligned(4096), section(".bss.dma")));

static u32 base;
static u64 bus_offset;

static u64 bus(const volatile void *address)
{
    return (u32)address + bus_offset;
}

struct pci_device *e1000e_find(void)
{
    return pci_find(NULL, 0x8086, 0x10d3);
}

u32 e1000e_memory(u32 *size)
{
    *size = (sizeof dma + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    return (u32)&dma;
}

static void start_ring(u32 registers, const volatile struct descriptor *ring)
{
    u64 address = bus(ring);

    write32(base + registers, (u32)address);
    write32(base + registers + RING_HIGH, (u32)(address >> 32));
    write32(base + registers + RING_LENGTH, RING * sizeof *ring);
    write32(base + registers + RING_HEAD, 0);
    write32(base + registers + RING_TAIL, 0);
}

static failure start(const struct pci_device *device)
{
    u8 mac[6];

    base = device->bar[0].cpu;
    if (base == 0)
        return "BAR 0 is not assigned";
    write32(base + CTRL, read32(base + CTRL) | CTRL_RST);
    timer_sleep(10);
    write32(base + IMC, 0xffffffff);
    write32(base + CTRL, read32(base + CTRL) | CTRL_SLU | CTRL_FD);
    u64 deadline = timer_deadline(TIMEOUT_MS);
    while (!(read32(base + STATUS) & STATUS_LU)) {
        if (timer_passed(deadline))
            return "no link";
    }
    failure reason = e1000e_read_mac((struct pci_device *)device, mac);
    if (reason)
        return reason;
    memset((void *)&dma, 0, sizeof dma);
    for (u32 i = 0; i < BATCH; i++) {
        memcpy(dma.sent[i], mac, sizeof mac);
        memcpy(dma.sent[i] + sizeof mac, mac, sizeof mac);
        /* EtherType for local experiments (IEEE 802). */
        dma.sent[i][12] = 0x88;
        dma.sent[i][13] = 0xb5;
    }
    for (u32 i = 0; i < RING; i++) {
        u64 address = bus(dma.received[i]);
        dma.receive[i].address[0] = (u32)address;
        dma.receive[i].address[1] = (u32)(address >> 32);
    }
    dsb();
    start_ring(RDBAL, dma.receive);
    start_ring(TDBAL, dma.transmit);
    write32(base + RCTL, RCTL_EN | RCTL_UPE | RCTL_LBM_MAC | RCTL_BAM | RCTL_SECRC);
    write32(base + RDBAL + RING_TAIL, RING - 1);
    write32(base + TCTL, TCTL_EN | TCTL_PSP | TCTL_CT | TCTL_COLD);
    return NULL;
}

/* The number of the frame, behind the header and at its end. */
static void number_frame(u8 *frame, u32 length, u32 number)
{
    memcpy(frame + HEADER, &number, sizeof number);
    frame[length - 1] = (u8)number;
}

static bool is_frame(const u8 *frame, u32 length, u32 number)
{
    return memcmp(frame + HEADER, &number, sizeof number) == 0 && frame[length - 1] == (u8)number;
}

static void send(u32 index, u32 buffer, u32 length)
{
    volatile struct descriptor *descriptor = &dma.transmit[index];
    u64 address = bus(dma.sent[buffer]);

    descriptor->address[0] = (u32)address;
    descriptor->address[1] = (u32)(address >> 32);
    descriptor->length = length | TX_EOP | TX_IFCS | TX_RS;
    descriptor->status = 0;
}

failure e1000e_loop(u64 bus_address, u32 count, u32 length, u32 *microseconds)
{
    const struct pci_device *device = e1000e_find();

    if (!device)
        return "no e1000e (8086:10d3)";
    if (length < 60 || length > LONGEST)
        return "frames have 60 to 1514 bytes";
    bus_offset = bus_address - (u32)&dma;
    failure reason = start(device);
    if (reason)
        return reason;
    u64 begin = timer_ticks();
    for (u32 done = 0; done < count;) {
        u32 batch = count - done < BATCH ? count - done : BATCH;
        for (u32 i = 0; i < batch; i++) {
            number_frame(dma.sent[i], length, done + i);
            send((done + i) % RING, i, length);
        }
        dsb();
        write32(base + TDBAL + RING_TAIL, (done + batch) % RING);
        u64 deadline = timer_deadline(TIMEOUT_MS);
        for (u32 i = 0; i < batch; i++, done++) {
            volatile struct descriptor *descriptor = &dma.receive[done % RING];
            while (!(descriptor->status & RX_DD)) {
                if (timer_passed(deadline))
                    return "a frame did not come back";
            }
            dmb();
            if ((descriptor->status >> 8 & 0xff) != 0 || !(descriptor->status & RX_EOP) || (descriptor->length & 0xffff) != length ||
                !is_frame(dma.received[done % RING], length, done))
                return "a frame came back as another";
            descriptor->status = 0;
        }
        dsb();
        write32(base + RDBAL + RING_TAIL, (done + RING - 1) % RING);
    }
    *microseconds = timer_ticks_to_us(timer_ticks() - begin);
    write32(base + RCTL, 0);
    write32(base + TCTL, 0);
    return NULL;
}
