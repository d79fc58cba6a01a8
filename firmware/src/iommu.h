/* PCI functions behind an SMMU that the device tree names (`iommu-map`): a context with tables of its own for each. The
 * drivers of the kinds of SMMU are behind `struct iommu_driver`. */
#ifndef ARMEMU_IOMMU_H
#define ARMEMU_IOMMU_H

#include "iopt.h"
#include "pci.h"

#define IOMMU_CONTEXTS 2u

enum iommu_stream { IOMMU_TRANSLATED, IOMMU_BYPASSED, IOMMU_REFUSED, IOMMU_UNKNOWN };
enum iommu_fault_kind { IOMMU_TRANSLATION, IOMMU_PERMISSION, IOMMU_STREAM, IOMMU_OTHER };

struct iommu_fault {
    enum iommu_fault_kind kind;
    u64 address;
    u32 stream;
    u32 status; /* as the SMMU has it: FSR, sGFSR, or an event's number */
    bool has_access; /* false: the SMMU says nothing about address and direction */
    bool write;
};

struct iommu_driver {
    const char *compatible;
    u32 streams; /* stream IDs that there can be */
    /* Resets the SMMU at the node and enables it: unknown streams are refused. */
    failure (*start)(u32 node, u32 base);
    bool (*has_format)(enum iopt_format format);
    /* Gives a context its tables, and invalidates what a TLB may have of it. */
    void (*set_tables)(u32 context, const struct iopt *tables);
    void (*set_stream)(u32 context, u32 stream, enum iommu_stream to);
    /* Invalidates one address of a context, and waits until no access uses it any more. */
    failure (*invalidate)(u32 context, const struct iopt *tables, u64 iova);
    /* Hands what the SMMU has recorded to iommu_report; the drivers' interrupt handlers do it, too. */
    void (*poll)(void);
    /* All streams bypass the SMMU. */
    void (*stop)(void);
};

extern const struct iommu_driver smmu_v2, smmu_v3;

bool iommu_present(void);
bool iommu_has_format(enum iopt_format format);
/* Puts the function behind the SMMU, with empty tables. */
failure iommu_attach(const struct pci_device *device, enum iopt_format format);
/* A mapping where none was needs no invalidation: stores and a barrier. */
failure iommu_map(const struct pci_device *device, u64 iova, u32 physical, u32 size, enum iopt_rights rights);
/* These return when no access uses the old mapping any more. */
failure iommu_unmap(const struct pci_device *device, u64 iova, u32 size);
failure iommu_protect(const struct pci_device *device, u64 iova, u32 size, enum iopt_rights rights);
failure iommu_set_stream(const struct pci_device *device, enum iommu_stream to);
/* Everything bypasses the SMMU, as after a reset. */
void iommu_stop(void);
/* The stream that the device tree gives to a function. */
u32 iommu_stream_of(const struct pci_device *device);

/* Faults since the last call, the oldest first; false when there are no more. */
bool iommu_take_fault(struct iommu_fault *fault);
void iommu_report(const struct iommu_fault *fault);
void iommu_describe(const struct iommu_fault *fault, char *text, u32 size);
/* Interrupts of the SMMU that were taken. */
extern volatile u32 iommu_interrupts;

/* Check lines for every format, with the endpoints that the firmware knows (iommu_test.c). */
void iommu_check(void);

#endif
