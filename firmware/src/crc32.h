#ifndef ARMEMU_CRC32_H
#define ARMEMU_CRC32_H

#include "types.h"

/* CRC-32 of IEEE 802.3, as zlib and cksum -a crc32 give it. */
u32 crc32(const u8 *data, u32 count);

#endif
