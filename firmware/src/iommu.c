#include "iommu.h"

#include "arm.h"
#include "board.h"
#include "fdt.h"
#include "mmu.h"
#include "print.h"

#define MAX_FAULTS 16u

volatile u32 iommu_interrupts;

static const struct iommu_driver *const drivers[] = {&smmu_v2, &smmu_v3};
static const struct iommu_driver *driver;
static bool running;

struct context {
    const struct pci_device *device;
    struct iopt tables;
};
static struct context contexts[IOMMU_CONTEXTS] __attribute__((section(".bss.translation_tables")));

static struct iommu_fault faults[MAX_FAULTS];
static volatile u32 faults_in, faults_out;

/* iommu-map (Linux, pci-iommu.txt): requester ID base, phandle, stream ID base, length. */
static const void *iommu_map_entry(u32 requester)
{
    u32 length;
    const void *map = board.pcie_node == FDT_NONE ? NULL : fdt_property(board.pcie_node, "iommu-map", &length);

    for (u32 at = 0; map && (at + 4) * 4 <= length; at += 4) {
        if (requester - fdt_cell(map, at) < fdt_cell(map, at + 3))
            return (const u32 *)map + at;
    }
    return NULL;
}

u32 iommu_stream_of(const struct pci_device *device)
{
    const void *entry = iommu_map_entry(device->bdf);
    return entry ? device->bdf - fdt_cell(entry, 0) + fdt_cell(entry, 2) : device->bdf;
}

static u32 find(u32 *base)
{
    u32 size;
    const void *entry = iommu_map_entry(0);
    u32 node = entry ? fdt_with_phandle(fdt_cell(entry, 1)) : FDT_NONE;

    if (node == FDT_NONE || !fdt_reg(node, 0, base, &size))
        return FDT_NONE;
    for (u32 i = 0; !driver && i < ARRAY_LENGTH(drivers); i++) {
        for (u32 at = fdt_compatible(FDT_NONE, drivers[i]->compatible); at != FDT_NONE;
             at = fdt_compatible(at, drivers[i]->compatible)) {
            if (at == node)
                driver = drivers[i];
        }
    }
    if (driver)
        mmu_map_device(*base, size);
    return driver ? node : FDT_NONE;
}

bool iommu_present(void)
{
    u32 base;
    return driver || find(&base) != FDT_NONE;
}

static failure start(void)
{
    u32 base;

    if (running)
        return NULL;
    u32 node = find(&base);
    if (node == FDT_NONE)
        return "the device tree puts no SMMU before the PCI devices (iommu-map)";
    failure reason = driver->start(node, base);
    running = !reason;
    return reason;
}

bool iommu_has_format(enum iopt_format format)
{
    return !start() && driver->has_format(format);
}

static struct context *context_of(const struct pci_device *device)
{
    for (u32 i = 0; i < IOMMU_CONTEXTS; i++) {
        if (contexts[i].device == device)
            return &contexts[i];
    }
    return NULL;
}

static u32 index_of(const struct context *context)
{
    return (u32)(context - contexts);
}

failure iommu_attach(const struct pci_device *device, enum iopt_format format)
{
    failure reason = start();
    if (reason)
        return reason;
    if (!driver->has_format(format))
        return "the SMMU has not this format";
    if (iommu_stream_of(device) >= driver->streams)
        return "the function's stream is beyond those of the stream table";
    struct context *context = context_of(device);
    if (!context)
        context = context_of(NULL);
    if (!context)
        return "all contexts are used";
    driver->set_stream(index_of(context), iommu_stream_of(device), IOMMU_UNKNOWN);
    iopt_start(&context->tables, format);
    dsb();
    context->device = device;
    driver->set_tables(index_of(context), &context->tables);
    driver->set_stream(index_of(context), iommu_stream_of(device), IOMMU_TRANSLATED);
    return NULL;
}

static const char not_attached[] = "the function is not behind the SMMU, see smmu attach";

failure iommu_map(const struct pci_device *device, u64 iova, u32 physical, u32 size, enum iopt_rights rights)
{
    struct context *context = context_of(device);
    failure reason = context ? iopt_map(&context->tables, iova, physical, size, rights) : not_attached;
    dsb();
    return reason;
}

/* Calls `change` for each leaf of a range, and has the SMMU forget what it was. */
static failure change_leaves(const struct pci_device *device, u64 iova, u32 size, u32 (*change)(struct iopt *tables, u64 iova))
{
    struct context *context = context_of(device);
    if (!context)
        return not_attached;
    for (u32 done = 0; done < size;) {
        u32 leaf = change(&context->tables, iova + done);
        if (leaf == 0)
            return "not mapped";
        /* Walks must see the store before the invalidation (DDI 0406C B3.10.1). */
        dsb();
        failure reason = driver->invalidate(index_of(context), &context->tables, iova + done);
        if (reason)
            return reason;
        done += leaf;
    }
    return NULL;
}

failure iommu_unmap(const struct pci_device *device, u64 iova, u32 size)
{
    return change_leaves(device, iova, size, iopt_unmap_leaf);
}

static u32 make_read_only(struct iopt *tables, u64 iova)
{
    return iopt_protect_leaf(tables, iova, IOPT_READ_ONLY);
}

static u32 make_writable(struct iopt *tables, u64 iova)
{
    return iopt_protect_leaf(tables, iova, IOPT_READ_WRITE);
}

failure iommu_protect(const struct pci_device *device, u64 iova, u32 size, enum iopt_rights rights)
{
    return change_leaves(device, iova, size, rights == IOPT_READ_ONLY ? make_read_only : make_writable);
}

failure iommu_set_stream(const struct pci_device *device, enum iommu_stream to)
{
    struct context *context = context_of(device);
    if (!context)
        return not_attached;
    driver->set_stream(index_of(context), iommu_stream_of(device), to);
    return NULL;
}

void iommu_stop(void)
{
    if (running)
        driver->stop();
    for (u32 i = 0; i < IOMMU_CONTEXTS; i++)
        contexts[i].device = NULL;
    running = false;
}

void iommu_report(const struct iommu_fault *fault)
{
    if (faults_in - faults_out < MAX_FAULTS) {
        faults[faults_in % MAX_FAULTS] = *fault;
        faults_in++;
    }
}

bool iommu_take_fault(struct iommu_fault *fault)
{
    bool taken = false;

    irq_disable();
    if (running)
        driver->poll();
    if (faults_in != faults_out) {
        *fault = faults[faults_out % MAX_FAULTS];
        faults_out++;
        taken = true;
    }
    irq_enable();
    return taken;
}

void iommu_describe(const struct iommu_fault *fault, char *text, u32 size)
{
    static const char *const kinds[] = {"translation fault", "permission fault", "stream refused", "another fault"};
    u32 length = format_text(text, size, "%s, ", kinds[fault->kind]);
    if (fault->has_access)
        length += format_text(text + length, size - length, "%s 0x%llx, ", fault->write ? "write to" : "read from", fault->address);
    format_text(text + length, size - length, "stream 0x%x, status 0x%x", fault->stream, fault->status);
}
