/* Checks of an SMMU by what PCI endpoints can do through it. All data is in `pages`; `expected` is what it should be: after
 * each transfer everything is compared, so that a DMA which went elsewhere is seen. A device that is real reports its
 * blocked DMA to its host only, so a fault need not be there; if it is, it must be the right one. */
#include "board.h"
#include "check.h"
#include "edu.h"
#include "iommu.h"
#include "nvme.h"
#include "print.h"
#include "str.h"

#define PAGES 6u
#define PAGE_AT(n) ((u32)pages[n])
/* Four pages of IOVAs on both sides of the border of a second-level table (every format has one there). */
#define WINDOW 0x9fffe000u
#define WINDOW_PAGES 4u
#define WINDOW_END (WINDOW + WINDOW_PAGES * PAGE_SIZE)
#define BLOCK_WINDOW 0xb0000000u
#define BLOCK_SIZE (2 * MIB)
#define SMALL 64u
/* Only VMSAv8-64 has IOVAs above 4 GiB; edu can't send them. */
#define NVME_WINDOW 0x90000000u
#define NVME_HIGH_WINDOW 0x1290000000ull
#define NVME_QUEUES 0x100000u

static u8 pages[PAGES][PAGE_SIZE] __attribute__((aligned(4096), section(".bss.dma")));
static u8 expected[PAGES][PAGE_SIZE];
static u8 block[PAGE_SIZE];
/* The physical page of each page of the window. */
static const u8 window_page[WINDOW_PAGES] = {2, 0, 3, 1};

static struct pci_device *function;
static const char *format_name;
static u32 seed, faults_seen;

static void fill_pages(void)
{
    for (u32 i = 0; i < PAGES * PAGE_SIZE; i++) {
        seed = seed * 1664525 + 1013904223;
        pages[i / PAGE_SIZE][i % PAGE_SIZE] = (u8)(seed >> 24);
    }
    memcpy(expected, pages, sizeof expected);
}

static const char *titled(const char *what)
{
    static char title[56];
    format_text(title, sizeof title, "%s SMMU %s %s", pci_name(function), format_name, what);
    return title;
}

static bool unchanged(void)
{
    return memcmp(pages, expected, sizeof expected) == 0;
}

/* A transfer that must arrive: the caller has put into `expected` what it should leave. */
static bool check_allowed(failure reason, const char *what)
{
    struct iommu_fault fault;
    char text[96] = "";

    bool faulted = iommu_take_fault(&fault);
    if (faulted)
        iommu_describe(&fault, text, sizeof text);
    while (iommu_take_fault(&fault))
        ;
    if (!reason && !unchanged())
        reason = "data differs";
    bool passed = check(!reason && !faulted, titled(what), "%s%s%s", reason ? reason : "byte for byte", faulted ? ", " : "", text);
    memcpy(expected, pages, sizeof expected);
    return passed;
}

/* Whether a fault is that of an access to a page, which a device may make in pieces. */
static bool is_fault_of(const struct iommu_fault *fault, enum iommu_fault_kind kind, u64 address, bool write)
{
    return fault->kind == kind && fault->stream == iommu_stream_of(function) &&
           (!fault->has_access || ((fault->address ^ address) < PAGE_SIZE && fault->address >= address && fault->write == write));
}

/* A transfer that must not arrive. `address`: where the fault is; `leaked`: a read brought the data after all. */
static bool check_forbidden(const char *what, enum iommu_fault_kind kind, u64 address, bool write, bool leaked)
{
    struct iommu_fault fault;
    char text[96] = "no fault reported";
    bool right = true;

    if (iommu_take_fault(&fault)) {
        iommu_describe(&fault, text, sizeof text);
        faults_seen++;
        right = is_fault_of(&fault, kind, address, write) && (!fault.has_access || fault.address == address);
    }
    while (iommu_take_fault(&fault))
        right &= is_fault_of(&fault, kind, address, write);
    const char *memory = leaked ? "the data was read" : unchanged() ? "blocked" : "memory changed";
    bool passed = check(right && !leaked && unchanged(), titled(what), "%s; %s", memory, text);
    memcpy(expected, pages, sizeof expected);
    return passed;
}

static failure store(u32 iova, u32 count)
{
    return edu_transfer(function, iova, count, true);
}

static failure fetch(u32 iova, u32 count)
{
    return edu_transfer(function, iova, count, false);
}

/* Whether edu has this in its buffer; comes by the first page of the window, which is known to work. */
static bool edu_has(const u8 *data, u32 count)
{
    store(WINDOW, count);
    bool same = memcmp(pages[window_page[0]], data, count) == 0;
    memcpy(expected[window_page[0]], pages[window_page[0]], PAGE_SIZE);
    return same;
}

static failure map_window(void)
{
    failure reason = NULL;
    for (u32 i = 0; !reason && i < WINDOW_PAGES; i++)
        reason = iommu_map(function, WINDOW + i * PAGE_SIZE, PAGE_AT(window_page[i]), PAGE_SIZE, IOPT_READ_WRITE);
    return reason;
}

/* Bytes of `expected` at a place of the window. */
static u8 *in_window(u32 offset)
{
    return expected[window_page[offset / PAGE_SIZE]] + offset % PAGE_SIZE;
}

static void check_use(void)
{
    /* From pages 2 and 0 to pages 3 and 1, none of them in order. */
    const u32 from = 0x804, to = 2 * PAGE_SIZE + 0x800;
    failure reason = fetch(WINDOW + from, EDU_DMA_MAX);
    if (!reason)
        reason = store(WINDOW + to, EDU_DMA_MAX);
    for (u32 i = 0; i < EDU_DMA_MAX; i++)
        *in_window(to + i) = *in_window(from + i);
    check_allowed(reason, "mapped");
}

static void check_remap(void)
{
    failure reason = fetch(WINDOW, SMALL);
    if (!reason)
        reason = iommu_unmap(function, WINDOW + 2 * PAGE_SIZE, PAGE_SIZE);
    if (!reason)
        reason = iommu_map(function, WINDOW + 2 * PAGE_SIZE, PAGE_AT(4), PAGE_SIZE, IOPT_READ_WRITE);
    if (!reason)
        reason = store(WINDOW + 2 * PAGE_SIZE + 0x40, SMALL);
    memcpy(expected[4] + 0x40, expected[window_page[0]], SMALL);
    check_allowed(reason, "remapped");
}

static void check_protect(void)
{
    const u32 page = WINDOW + PAGE_SIZE;

    iommu_protect(function, page, PAGE_SIZE, IOPT_READ_ONLY);
    failure reason = fetch(page, SMALL);
    if (!reason)
        reason = store(WINDOW + 3 * PAGE_SIZE, SMALL);
    memcpy(expected[window_page[3]], expected[window_page[1]], SMALL);
    check_allowed(reason, "read from read-only page");
    store(page + 0x100, SMALL);
    check_forbidden("write to read-only page", IOMMU_PERMISSION, page + 0x100, true, false);
    iommu_protect(function, page, PAGE_SIZE, IOPT_READ_WRITE);
    reason = store(page + 0x200, SMALL);
    memcpy(expected[window_page[1]] + 0x200, expected[window_page[1]], SMALL);
    check_allowed(reason, "writable again");
}

static void check_end_of_window(void)
{
    const u8 last = window_page[WINDOW_PAGES - 1];

    fetch(WINDOW, 2 * SMALL);
    store(WINDOW_END - SMALL, 2 * SMALL);
    /* What is inside the window may arrive: the device may part its transfers as it likes. */
    memcpy(expected[last] + PAGE_SIZE - SMALL, pages[last] + PAGE_SIZE - SMALL, SMALL);
    check_forbidden("beyond the window", IOMMU_TRANSLATION, WINDOW_END, true, false);
}

static void check_unmap(void)
{
    const u32 page = WINDOW + 3 * PAGE_SIZE;
    const u8 secret = window_page[3];

    iommu_unmap(function, page, PAGE_SIZE);
    store(page + 0x300, SMALL);
    check_forbidden("write after unmap", IOMMU_TRANSLATION, page + 0x300, true, false);
    fetch(page + 0x400, SMALL);
    bool leaked = edu_has(expected[secret] + 0x400, SMALL);
    check_forbidden("read after unmap", IOMMU_TRANSLATION, page + 0x400, false, leaked);
}

/* RAM's own addresses are IOVAs like others: nothing, and then another page. */
static void check_physical_address(void)
{
    store(PAGE_AT(5) + 0x80, SMALL);
    check_forbidden("physical address", IOMMU_TRANSLATION, PAGE_AT(5) + 0x80, true, false);
    failure reason = iommu_map(function, PAGE_AT(5), PAGE_AT(4), PAGE_SIZE, IOPT_READ_WRITE);
    if (!reason)
        reason = fetch(WINDOW, SMALL);
    if (!reason)
        reason = store(PAGE_AT(5) + 0x80, SMALL);
    memcpy(expected[4] + 0x80, expected[window_page[0]], SMALL);
    check_allowed(reason, "IOVA of other memory");
}

static void check_block(void)
{
    const u32 base = PAGE_AT(0) & ~(BLOCK_SIZE - 1);
    const u32 iova = BLOCK_WINDOW + (PAGE_AT(5) - base);

    if (!board_is_ram(base, BLOCK_SIZE)) {
        check_skip(titled("block"), "too little RAM");
        return;
    }
    failure reason = iommu_map(function, BLOCK_WINDOW, base, BLOCK_SIZE, IOPT_READ_WRITE);
    if (!reason)
        reason = fetch(iova + 0x200, SMALL);
    if (!reason)
        reason = store(iova + 0x80, SMALL);
    memcpy(expected[5] + 0x80, expected[5] + 0x200, SMALL);
    check_allowed(reason, "block");
    iommu_protect(function, BLOCK_WINDOW, BLOCK_SIZE, IOPT_READ_ONLY);
    store(iova + 0x400, SMALL);
    check_forbidden("write to read-only block", IOMMU_PERMISSION, iova + 0x400, true, false);
    iommu_unmap(function, BLOCK_WINDOW, BLOCK_SIZE);
    store(iova, SMALL);
    check_forbidden("write to unmapped block", IOMMU_TRANSLATION, iova, true, false);
}

static void check_stream(void)
{
    iommu_set_stream(function, IOMMU_REFUSED);
    store(WINDOW + 0x500, SMALL);
    check_forbidden("refused stream", IOMMU_STREAM, WINDOW + 0x500, true, false);
    iommu_set_stream(function, IOMMU_UNKNOWN);
    store(WINDOW + 0x500, SMALL);
    check_forbidden("unknown stream", IOMMU_STREAM, WINDOW + 0x500, true, false);
    iommu_set_stream(function, IOMMU_TRANSLATED);
    failure reason = fetch(WINDOW, SMALL);
    if (!reason)
        reason = store(WINDOW + 0x500, SMALL);
    memcpy(expected[window_page[0]] + 0x500, expected[window_page[0]], SMALL);
    check_allowed(reason, "translated again");
}

/* Messages are writes like others: their doorbell is mapped. (armemu takes them without, too, since 32-bit Linux maps none.) */
static failure map_doorbell(void)
{
    u32 page = board.v2m_base & ~(PAGE_SIZE - 1);
    return board.v2m_base ? iommu_map(function, page, page, PAGE_SIZE, IOPT_READ_WRITE) : NULL;
}

static void check_message(void)
{
    failure reason = map_doorbell();
    if (!reason)
        reason = edu_use(function, EDU_MSI);
    if (!reason)
        reason = fetch(WINDOW, SMALL);
    edu_use(function, EDU_POLL);
    check_allowed(reason, "MSI");
}

static void check_edu(struct pci_device *device, enum iopt_format format)
{
    function = device;
    fill_pages();
    edu_use(device, EDU_POLL);
    failure reason = iommu_attach(device, format);
    if (!reason)
        reason = map_window();
    if (reason) {
        check(false, titled("mapped"), "%s", reason);
        return;
    }
    check_use();
    check_remap();
    check_protect();
    check_end_of_window();
    check_unmap();
    check_physical_address();
    check_block();
    check_stream();
    if (board_has_gic())
        check_message();
}

/* Reads a block to one place after the other and compares; writes nothing to the disk. */
static void check_nvme(struct pci_device *device, enum iopt_format format)
{
    const u64 base = format == IOPT_AARCH64 ? NVME_HIGH_WINDOW : NVME_WINDOW;
    u32 size, memory = nvme_memory(&size);

    function = device;
    fill_pages();
    failure reason = iommu_attach(device, format);
    if (!reason)
        reason = map_doorbell();
    if (!reason)
        reason = iommu_map(device, base + NVME_QUEUES, memory, size, IOPT_READ_WRITE);
    if (!reason)
        reason = iommu_map(device, base, PAGE_AT(0), PAGE_SIZE, IOPT_READ_WRITE);
    if (!reason)
        reason = iommu_map(device, base + PAGE_SIZE, PAGE_AT(2), PAGE_SIZE, IOPT_READ_WRITE);
    if (!reason)
        reason = nvme_restart(base + NVME_QUEUES);
    if (!check_allowed(reason, "queues"))
        return;
    const u32 size_of_block = nvme_block_size();
    reason = nvme_store(base, 0);
    memcpy(block, pages[0], size_of_block);
    memcpy(expected[0], block, size_of_block);
    if (!reason)
        reason = nvme_store(base + PAGE_SIZE - 0x100, 0);
    memcpy(expected[0] + PAGE_SIZE - 0x100, block, 0x100);
    memcpy(expected[2], block + 0x100, size_of_block - 0x100);
    check_allowed(reason, "mapped");
    iommu_unmap(device, base + PAGE_SIZE, PAGE_SIZE);
    reason = iommu_map(device, base + PAGE_SIZE, PAGE_AT(3), PAGE_SIZE, IOPT_READ_WRITE);
    if (!reason)
        reason = nvme_store(base + PAGE_SIZE, 0);
    memcpy(expected[3], block, size_of_block);
    check_allowed(reason, "remapped");
    iommu_protect(device, base + PAGE_SIZE, PAGE_SIZE, IOPT_READ_ONLY);
    nvme_store(base + PAGE_SIZE, 1);
    check_forbidden("write to read-only page", IOMMU_PERMISSION, base + PAGE_SIZE, true, false);
    nvme_store(base + 2 * PAGE_SIZE, 1);
    check_forbidden("beyond the window", IOMMU_TRANSLATION, base + 2 * PAGE_SIZE, true, false);
    iommu_unmap(device, base, PAGE_SIZE);
    nvme_store(base, 1);
    check_forbidden("write after unmap", IOMMU_TRANSLATION, base, true, false);
    nvme_store(PAGE_AT(5), 1);
    check_forbidden("physical address", IOMMU_TRANSLATION, PAGE_AT(5), true, false);
    /* The interrupt table of the controller stays; its queues go back to where other checks have them. */
    iommu_set_stream(device, IOMMU_BYPASSED);
    nvme_restart(memory);
}

void iommu_check(void)
{
    struct pci_device *edu = edu_find(0), *nvme = nvme_find();

    if (!iommu_present()) {
        check_skip("SMMU", "the device tree puts none before the PCI devices");
        return;
    }
    if (!edu)
        check_skip("SMMU", "no edu device (1234:11e8)");
    if (!nvme)
        check_skip("SMMU", "no NVMe controller (class 0108)");
    seed = 0x2545f491;
    faults_seen = iommu_interrupts = 0;
    for (u32 format = 0; format < IOPT_FORMATS; format++) {
        format_name = iopt_format_names[format];
        if (!iommu_has_format(format)) {
            check_skip("SMMU", format_name);
            continue;
        }
        if (edu)
            check_edu(edu, format);
        if (nvme)
            check_nvme(nvme, format);
    }
    iommu_stop();
    if (board_has_gic())
        check(iommu_interrupts >= faults_seen, "SMMU interrupts", "%u, %u faults", iommu_interrupts, faults_seen);
}
