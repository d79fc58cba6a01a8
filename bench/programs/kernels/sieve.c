/* The sieve of Eratosthenes over 128 KiB, and copies by bytes, by words and by blocks. */
#include "kernel.h"

#define LENGTH 131072u
#define WORDS (LENGTH / 4)

static union {
    u8 bytes[LENGTH];
    u32 words[WORDS];
} area, copy;

static u32 __attribute__((noinline)) sieve(void)
{
    u32 primes = 0;

    for (u32 i = 0; i < WORDS; i++)
        area.words[i] = 0x01010101;
    for (u32 i = 2; i * i < LENGTH; i++)
        if (area.bytes[i])
            for (u32 j = i * i; j < LENGTH; j += i)
                area.bytes[j] = 0;
    for (u32 i = 2; i < LENGTH; i++)
        primes += area.bytes[i];
    return primes;
}

static void __attribute__((noinline)) copy_bytes(u8 *to, const u8 *from, u32 length)
{
    while (length-- > 0)
        *to++ = *from++;
}

static void __attribute__((noinline)) copy_words(u32 *to, const u32 *from, u32 count)
{
    for (u32 i = 0; i < count; i++)
        to[i] = from[i];
}

/* As memcpy does it where there is no NEON: eight words at once. */
static void __attribute__((noinline)) copy_blocks(u32 *to, const u32 *from, u32 count)
{
    for (; count >= 8; count -= 8)
        __asm__ volatile("ldmia %1!, {r3-r6, r8-r10, r12}\n\tstmia %0!, {r3-r6, r8-r10, r12}"
                         : "+r"(to), "+r"(from)
                         :
                         : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "memory");
}

u32 kernel(u32 rounds)
{
    u32 result = 0;

    while (rounds-- > 0) {
        result = result * 31 + sieve();
        copy_bytes(copy.bytes + 3, area.bytes, LENGTH / 4);
        copy_words(copy.words + WORDS / 4, area.words, WORDS / 4);
        for (u32 i = 0; i < 4; i++)
            copy_blocks(copy.words + WORDS / 2, area.words + i * (WORDS / 8), WORDS / 2);
        for (u32 i = 0; i < WORDS; i += 4)
            result = ((result << 1) | (result >> 31)) + copy.words[i] + copy.words[i + 3];
        area.words[0] = result;
    }
    return result;
}
