/* Translation tables for an IOMMU: VMSAv7 short and long descriptors (ARM DDI 0406C B3.5, B3.6), and VMSAv8-64 with a granule
 * of 4 KiB (ARM DDI 0487 D5.3), whose descriptors are the long ones. Input addresses have 32 bits, in VMSAv8-64 39. */
#ifndef ARMEMU_IOPT_H
#define ARMEMU_IOPT_H

#include "types.h"

enum iopt_format { IOPT_SHORT, IOPT_LONG, IOPT_AARCH64, IOPT_FORMATS };
enum iopt_rights { IOPT_READ_WRITE, IOPT_READ_ONLY };

#define IOPT_AARCH64_INPUT_BITS 39u
#define IOPT_ROOT_SIZE 16384u /* a first-level table of short descriptors is the largest */
#define IOPT_TABLES 8u

struct iopt {
    u8 root[IOPT_ROOT_SIZE] __attribute__((aligned(16384)));
    u8 tables[IOPT_TABLES][PAGE_SIZE];
    enum iopt_format format;
    u32 used;
};

extern const char *const iopt_format_names[IOPT_FORMATS];

/* Empty tables: everything is unmapped. */
void iopt_start(struct iopt *tables, enum iopt_format format);
/* Maps by the largest leaves that fit. The stores are in program order; barriers are the caller's. */
failure iopt_map(struct iopt *tables, u64 iova, u32 physical, u32 size, enum iopt_rights rights);
/* Of the leaf at this address: clears it, or gives it other rights. Answers its size; 0 when there is none. */
u32 iopt_unmap_leaf(struct iopt *tables, u64 iova);
u32 iopt_protect_leaf(struct iopt *tables, u64 iova, enum iopt_rights rights);

#endif
