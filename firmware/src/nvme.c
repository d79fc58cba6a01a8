#include "nvme.h"

#include "arm.h"
#include "board.h"
#include "check.h"
#include "crc32.h"
#include "gic.h"
#include "mmio.h"
#include "pci.h"
#include "print.h"
#include "str.h"
#include "timer.h"

#define NVME_CLASS 0x0108

/* Controller registers, 3.1. */
#define CAP 0x00
#define VS 0x08
#define CC 0x14
#define CC_EN (1u << 0)
#define CC_IOSQES_64 (6u << 16)
#define CC_IOCQES_16 (4u << 20)
#define CSTS 0x1c
#define CSTS_RDY (1u << 0)
#define CSTS_CFS (1u << 1)
#define AQA 0x24
#define ASQ 0x28
#define ACQ 0x30
#define DOORBELLS 0x1000

/* Opcodes, 5 and 6. */
#define ADMIN_CREATE_SQ 0x01
#define ADMIN_CREATE_CQ 0x05
#define ADMIN_IDENTIFY 0x06
#define NVM_WRITE 0x01
#define NVM_READ 0x02
#define IDENTIFY_NAMESPACE 0
#define IDENTIFY_CONTROLLER 1
#define QUEUE_CONTIGUOUS 1u
#define CQ_INTERRUPTS_ENABLED 2u

#define QUEUE_LENGTH 16u
#define ADMIN_VECTOR 0u
#define IO_VECTOR 1u
#define TIMEOUT_MS 20000
#define QUIET_MS 20
#define MAX_BLOCK 4096u

struct command {
    u32 opcode_id;
    u32 namespace;
    u32 reserved[2];
    u32 metadata[2];
    u32 prp1[2], prp2[2];
    u32 dw10, dw11, dw12, dw13, dw14, dw15;
};

struct completion {
    u32 result;
    u32 reserved;
    u32 sq_head_id;
    u32 id_status; /* 15:0 command, 16 phase, 31:17 status */
};

struct queue {
    struct command *commands;
    volatile struct completion *completions;
    u32 id, tail, head, phase;
    u32 intid;
    volatile u32 interrupts;
};

#define PAGE_ALIGNED __attribute__((aligned(4096)))

/* All that the controller reaches, in pages of its own. */
static struct {
    struct command admin_commands[QUEUE_LENGTH] PAGE_ALIGNED;
    struct completion admin_completions[QUEUE_LENGTH] PAGE_ALIGNED;
    struct command io_commands[QUEUE_LENGTH] PAGE_ALIGNED;
    struct completion io_completions[QUEUE_LENGTH] PAGE_ALIGNED;
    u8 buffer[MAX_BLOCK] PAGE_ALIGNED;
} dma __attribute__((section(".bss.dma")));

static struct pci_device *device;
/* What a bus address of `dma` has more than the CPU's. */
static u64 bus_offset;
static u32 base, doorbell_stride;
static struct queue admin, io;
static u32 block_size;
static u64 block_count;
static char model[41], serial[21], status_text[64];
static bool ready;

static u64 bus(const void *address)
{
    return (u32)address + bus_offset;
}

#define ADDRESS_PAIR(value) {(u32)(value), (u32)((value) >> 32)}

static void nvme_interrupt(void *argument)
{
    struct queue *queue = argument;
    queue->interrupts++;
}

static void queue_start(struct queue *queue, u32 id, struct command *commands, struct completion *completions)
{
    memset(commands, 0, QUEUE_LENGTH * sizeof *commands);
    memset(completions, 0, QUEUE_LENGTH * sizeof *completions);
    queue->commands = commands;
    queue->completions = completions;
    queue->id = id;
    queue->tail = queue->head = 0;
    queue->phase = 1;
    queue->interrupts = 0;
}

static u32 doorbell(const struct queue *queue, bool completion)
{
    return base + DOORBELLS + (queue->id * 2 + completion) * doorbell_stride;
}

static void ring(struct queue *queue, const struct command *command)
{
    struct command *slot = &queue->commands[queue->tail];

    *slot = *command;
    slot->opcode_id |= queue->tail << 16;
    queue->tail = (queue->tail + 1) % QUEUE_LENGTH;
    dsb();
    write32(doorbell(queue, false), queue->tail);
}

static bool has_completion(const struct queue *queue)
{
    return ((queue->completions[queue->head].id_status >> 16) & 1) == queue->phase;
}

/* Takes the completion off the queue; `interrupted` says whether its interrupt came. */
static failure take_completion(struct queue *queue, bool interrupted)
{
    if (!has_completion(queue))
        return interrupted ? "an interrupt, but no completion" : "no completion";
    dmb();
    u32 id_status = queue->completions[queue->head].id_status;
    if (++queue->head == QUEUE_LENGTH) {
        queue->head = 0;
        queue->phase ^= 1;
    }
    write32(doorbell(queue, true), queue->head);
    if (!interrupted)
        return "a completion, but no interrupt";
    u32 status = id_status >> 17;
    if (status != 0) {
        format_text(status_text, sizeof status_text, "the controller reports status type %u, code 0x%02x", (status >> 8) & 7,
                    status & 0xff);
        return status_text;
    }
    return NULL;
}

/* Submits one command and waits for its interrupt. */
static failure submit(struct queue *queue, const struct command *command)
{
    u32 target = queue->interrupts + 1;

    ring(queue, command);
    return take_completion(queue, timer_wait_count(&queue->interrupts, target, TIMEOUT_MS));
}

static failure wait_ready(u32 wanted)
{
    u64 deadline = timer_deadline(TIMEOUT_MS);

    while ((read32(base + CSTS) & CSTS_RDY) != wanted) {
        if (read32(base + CSTS) & CSTS_CFS && wanted)
            return "controller fatal status";
        if (timer_passed(deadline))
            return wanted ? "the controller doesn't become ready" : "the controller doesn't stop";
    }
    return NULL;
}

static failure attach_vector(struct queue *queue, u32 vector)
{
    if (queue->intid == 0)
        queue->intid = v2m_allocate(1);
    if (queue->intid == 0)
        return "no MSI frame, or no free SPI in it";
    gic_attach(queue->intid, GIC_EDGE, nvme_interrupt, queue);
    pci_msix_set(device, vector, queue->intid);
    return NULL;
}

static failure identify(u32 what, u32 namespace)
{
    struct command command = {.opcode_id = ADMIN_IDENTIFY, .namespace = namespace, .prp1 = ADDRESS_PAIR(bus(dma.buffer)), .dw10 = what};
    memset(dma.buffer, 0, sizeof dma.buffer);
    return submit(&admin, &command);
}

static void copy_text(char *to, u32 offset, u32 length)
{
    memcpy(to, dma.buffer + offset, length);
    while (length > 0 && to[length - 1] == ' ')
        length--;
    to[length] = 0;
}

static failure create_io_queues(u32 vector)
{
    queue_start(&io, 1, dma.io_commands, dma.io_completions);
    failure reason = attach_vector(&io, vector);
    if (reason)
        return reason;
    struct command create_cq = {.opcode_id = ADMIN_CREATE_CQ, .prp1 = ADDRESS_PAIR(bus(dma.io_completions)),
                                .dw10 = ((QUEUE_LENGTH - 1) << 16) | io.id,
                                .dw11 = (vector << 16) | CQ_INTERRUPTS_ENABLED | QUEUE_CONTIGUOUS};
    reason = submit(&admin, &create_cq);
    if (reason)
        return reason;
    struct command create_sq = {.opcode_id = ADMIN_CREATE_SQ, .prp1 = ADDRESS_PAIR(bus(dma.io_commands)),
                                .dw10 = ((QUEUE_LENGTH - 1) << 16) | io.id, .dw11 = (io.id << 16) | QUEUE_CONTIGUOUS};
    return submit(&admin, &create_sq);
}

static failure start(void)
{
    if (ready)
        return NULL;
    device = nvme_find();
    if (!device)
        return "no NVMe controller (class 0108)";
    base = device->bar[0].cpu;
    if (base == 0)
        return "BAR 0 is not assigned";
    if (pci_msix_vectors(device) < 2 || !pci_msix_enable(device))
        return "needs MSI-X with two vectors";
    write32(base + CC, 0);
    failure reason = wait_ready(0);
    if (reason)
        return reason;
    u64 cap = read64_two_halves(base + CAP);
    if (((u32)(cap >> 48) & 0xf) != 0)
        return "the smallest memory page is over 4 KiB";
    doorbell_stride = 4u << ((u32)(cap >> 32) & 0xf);
    queue_start(&admin, 0, dma.admin_commands, dma.admin_completions);
    reason = attach_vector(&admin, ADMIN_VECTOR);
    if (reason)
        return reason;
    write32(base + AQA, ((QUEUE_LENGTH - 1) << 16) | (QUEUE_LENGTH - 1));
    write64_two_halves(base + ASQ, bus(dma.admin_commands));
    write64_two_halves(base + ACQ, bus(dma.admin_completions));
    dsb();
    write32(base + CC, CC_IOCQES_16 | CC_IOSQES_64 | CC_EN);
    if ((reason = wait_ready(CSTS_RDY)) || (reason = identify(IDENTIFY_CONTROLLER, 0)))
        return reason;
    copy_text(serial, 4, 20);
    copy_text(model, 24, 40);
    if ((reason = identify(IDENTIFY_NAMESPACE, 1)))
        return reason;
    block_count = *(u64 *)dma.buffer;
    block_size = 1u << dma.buffer[128 + 4 * (dma.buffer[26] & 0xf) + 2];
    if (block_size > MAX_BLOCK)
        return "blocks over 4 KiB";
    if ((reason = create_io_queues(IO_VECTOR)))
        return reason;
    ready = true;
    return NULL;
}

struct pci_device *nvme_find(void)
{
    return pci_find_class(NULL, NVME_CLASS);
}

u32 nvme_memory(u32 *size)
{
    *size = sizeof dma;
    return (u32)&dma;
}

u32 nvme_block_size(void)
{
    return block_size;
}

failure nvme_restart(u64 bus_address)
{
    bus_offset = bus_address - (u32)&dma;
    ready = false;
    return start();
}

static failure transfer(u32 opcode, u32 lba, u64 address)
{
    failure reason = start();
    if (reason)
        return reason;
    if (address & 3)
        return "the address is not a multiple of 4";
    u64 second = (address & ~(u64)(PAGE_SIZE - 1)) + PAGE_SIZE;
    bool crosses = address + block_size > second;
    struct command command = {.opcode_id = opcode, .namespace = 1, .prp1 = ADDRESS_PAIR(address), .dw10 = lba};
    if (crosses) {
        command.prp2[0] = (u32)second;
        command.prp2[1] = (u32)(second >> 32);
    }
    reason = submit(&io, &command);
    dsb();
    return reason;
}

failure nvme_identify(void)
{
    failure reason = start();
    if (reason)
        return reason;
    u32 version = read32(base + VS);
    print("%s  model '%s' serial '%s' NVMe %u.%u, %llu blocks of %u bytes\n", pci_name(device), model, serial, version >> 16,
          (version >> 8) & 0xff, block_count, block_size);
    print("MSI-X INTIDs %u (admin, %u taken), %u (I/O, %u taken)\n", admin.intid, admin.interrupts, io.intid, io.interrupts);
    return NULL;
}

static void print_block(const u8 *data)
{
    for (u32 i = 0; i < 64; i++)
        print("%s%02x%s", i % 16 == 0 ? "  " : " ", data[i], i % 16 == 15 ? "\n" : "");
}

failure nvme_read(u32 lba, u32 address)
{
    u8 *to = address ? (u8 *)address : dma.buffer;

    if (address && !board_is_ram(address, MAX_BLOCK))
        return "the address is not RAM; see nvme stray";
    failure reason = transfer(NVM_READ, lba, address ? address : bus(dma.buffer));
    if (reason)
        return reason;
    print_block(to);
    print("LBA %u at 0x%08x, %u bytes, crc32 0x%08x\n", lba, (u32)to, block_size, crc32(to, block_size));
    return NULL;
}

failure nvme_write(u32 lba, u32 address)
{
    if (!board_is_ram(address, MAX_BLOCK))
        return "the address is not RAM";
    failure reason = transfer(NVM_WRITE, lba, address);
    if (!reason)
        print("LBA %u written from 0x%08x, %u bytes, crc32 0x%08x\n", lba, address, block_size, crc32((u8 *)address, block_size));
    return reason;
}

failure nvme_stray(u32 bus_address, u32 lba)
{
    failure reason = start();
    if (reason)
        return reason;
    bool visible = board_is_ram(bus_address, block_size);
    u32 before = visible ? crc32((u8 *)bus_address, block_size) : 0;
    reason = transfer(NVM_READ, lba, bus_address);
    print("stray DMA of %u bytes to bus address 0x%08x: %s\n", block_size, bus_address,
          reason ? reason : "the controller reports success");
    if (visible)
        print("that is RAM: crc32 0x%08x before, 0x%08x after\n", before, crc32((u8 *)bus_address, block_size));
    return NULL;
}

failure nvme_store(u64 bus_address, u32 lba)
{
    return transfer(NVM_READ, lba, bus_address);
}

failure nvme_fetch(u64 bus_address, u32 lba)
{
    return transfer(NVM_WRITE, lba, bus_address);
}

/* Takes all completions off the I/O queue; answers how many, and whether one reports an error. */
static u32 take_completions(bool *bad)
{
    u32 taken = 0;

    for (; has_completion(&io); taken++) {
        dmb();
        if (io.completions[io.head].id_status >> 17 != 0)
            *bad = true;
        if (++io.head == QUEUE_LENGTH) {
            io.head = 0;
            io.phase ^= 1;
        }
    }
    if (taken != 0)
        write32(doorbell(&io, true), io.head);
    return taken;
}

failure nvme_read_randomly(u32 count, u32 depth, u32 *microseconds)
{
    failure reason = start();
    if (reason)
        return reason;
    if (depth == 0 || depth >= QUEUE_LENGTH)
        return "the depth is 1 to 15";
    u32 blocks = MAX_BLOCK / block_size, places = (u32)block_count / blocks, random = 1;
    bool bad = false;
    u64 begin = timer_ticks();
    for (u32 sent = 0, done = 0; done < count && !bad;) {
        u32 before = sent;
        for (; sent < count && sent - done < depth; sent++) {
            random = random * 1664525u + 1013904223u;
            io.commands[io.tail] = (struct command){.opcode_id = NVM_READ | (io.tail << 16), .namespace = 1,
                .prp1 = ADDRESS_PAIR(bus(dma.buffer)), .dw10 = (random >> 8) % places * blocks, .dw12 = blocks - 1};
            io.tail = (io.tail + 1) % QUEUE_LENGTH;
        }
        if (sent != before) {
            dsb();
            write32(doorbell(&io, false), io.tail);
        }
        /* What completes after the look has its interrupt after this count. */
        u32 interrupts = io.interrupts, taken = take_completions(&bad);
        done += taken;
        if (taken == 0 && !timer_wait_count(&io.interrupts, interrupts + 1, TIMEOUT_MS))
            return "no interrupt";
    }
    *microseconds = timer_ticks_to_us(timer_ticks() - begin);
    return bad ? "the controller reports an error" : NULL;
}

/* MSI-X mask and pending bit (PCI 3.0, 6.8.2): a masked vector waits in the PBA and fires when it is unmasked. */
static void check_mask(void)
{
    struct command command = {.opcode_id = NVM_READ, .namespace = 1, .prp1 = ADDRESS_PAIR(bus(dma.buffer))};
    u32 before = io.interrupts;
    u64 deadline = timer_deadline(TIMEOUT_MS);

    pci_msix_mask(device, IO_VECTOR, true);
    ring(&io, &command);
    while (!has_completion(&io) && !timer_passed(deadline))
        ;
    timer_sleep(QUIET_MS);
    u32 while_masked = io.interrupts - before;
    bool pending = pci_msix_pending(device, IO_VECTOR);
    pci_msix_mask(device, IO_VECTOR, false);
    bool fired = timer_wait_count(&io.interrupts, before + 1, TIMEOUT_MS);
    bool still = pci_msix_pending(device, IO_VECTOR);
    failure reason = take_completion(&io, fired);
    check(!reason && while_masked == 0 && pending && !still, "NVMe MSI-X mask", "%u while masked, pending bit %u, %s, pending bit %u",
          while_masked, pending, reason ? reason : "fired when unmasked", still);
}

void nvme_check(void)
{
    if (!nvme_find()) {
        check_skip("NVMe", "no NVMe controller (class 0108)");
        return;
    }
    failure reason = start();
    if (reason) {
        check(false, "NVMe identify", "%s", reason);
        return;
    }
    check(true, "NVMe identify", "%s, serial %s, %llu blocks of %u bytes", model, serial, block_count, block_size);
    u32 before = io.interrupts;
    memset(dma.buffer, 0xa5, sizeof dma.buffer);
    reason = transfer(NVM_READ, 0, bus(dma.buffer));
    check(!reason, "NVMe block read", "%s, MSI-X INTID %u, %u interrupt(s), crc32 0x%08x", reason ? reason : "LBA 0", io.intid,
          io.interrupts - before, crc32(dma.buffer, block_size));
    check_mask();
}
