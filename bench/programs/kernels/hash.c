/* CRC-32 by a table, FNV-1a, and a hash that multiplies and rotates words, over 64 KiB. */
#include "kernel.h"

#define WORDS 16384u

static union {
    u8 bytes[4 * WORDS];
    u32 words[WORDS];
} buffer;
static u32 table[256];

static u32 __attribute__((noinline)) crc32(u32 crc, const u8 *at, u32 length)
{
    crc = ~crc;
    while (length-- > 0)
        crc = (crc >> 8) ^ table[(crc ^ *at++) & 0xff];
    return ~crc;
}

static u32 __attribute__((noinline)) fnv1a(u32 hash, const u8 *at, u32 length)
{
    for (u32 i = 0; i < length; i++)
        hash = (hash ^ at[i]) * 0x01000193;
    return hash;
}

static u32 __attribute__((noinline)) mix_words(u32 hash, const u32 *at, u32 count)
{
    u32 other = ~hash;

    for (u32 i = 0; i < count; i += 2) {
        hash = ((hash ^ at[i]) * 0x9e3779b1) + other;
        hash = (hash << 13) | (hash >> 19);
        other = (other + at[i + 1]) * 0x85ebca77;
        other = ((other << 17) | (other >> 15)) ^ hash;
    }
    return hash ^ other ^ (other >> 16);
}

u32 kernel(u32 rounds)
{
    u32 seed = 0x12345678, result = 0;

    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (u32 bit = 0; bit < 8; bit++)
            c = (c >> 1) ^ (c & 1 ? 0xedb88320 : 0);
        table[i] = c;
    }
    for (u32 i = 0; i < WORDS; i++)
        buffer.words[i] = next_random(&seed);
    while (rounds-- > 0) {
        result = crc32(result, buffer.bytes, sizeof buffer);
        result = fnv1a(result, buffer.bytes, sizeof buffer);
        result = mix_words(result, buffer.words, WORDS);
        buffer.words[result % WORDS] ^= result;
    }
    return result;
}
