#include "crc32.h"

#define POLYNOMIAL_REFLECTED 0xedb88320u

u32 crc32(const u8 *data, u32 count)
{
    u32 crc = 0xffffffff;

    while (count-- > 0) {
        crc ^= *data++;
        for (u32 i = 0; i < 8; i++)
            crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL_REFLECTED : 0);
    }
    return ~crc;
}
