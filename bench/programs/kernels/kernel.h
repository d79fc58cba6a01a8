/* What the five kernels share. Each is one file with `kernel`: so many rounds, and a checksum of all results. */
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef int s32;
typedef long long s64;

u32 kernel(u32 rounds);

/* Marsaglia's xorshift. */
static inline u32 next_random(u32 *state)
{
    u32 x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}
