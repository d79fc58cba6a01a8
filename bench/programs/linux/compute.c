/* What computes in a program without much help of the kernel: doubles, SHA-256, copies. */
#include "linux.h"

#define SIZE 96

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static void __attribute__((noinline)) multiply(void)
{
    for (u32 i = 0; i < SIZE; i++) {
        for (u32 j = 0; j < SIZE; j++) {
            double sum = 0;
            for (u32 k = 0; k < SIZE; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
    }
}

u32 f64_matrix(u32 rounds)
{
    u32 seed = 0x2545f491, result = 0;

    for (u32 i = 0; i < SIZE; i++) {
        for (u32 j = 0; j < SIZE; j++) {
            a[i][j] = (double)(next_random(&seed) & 0xffff) / 4096 - 8;
            b[i][j] = (double)(next_random(&seed) & 0xffff) / 4096 - 8;
        }
    }
    while (rounds-- > 0) {
        multiply();
        for (u32 i = 0; i < SIZE; i++) {
            for (u32 j = 0; j < SIZE; j++) {
                union {
                    double value;
                    u32 words[2];
                } bits = {c[i][j]};
                result = (result << 3) + (result >> 29) + bits.words[0] + bits.words[1];
                a[i][j] = c[i][j] * 0.015625 + (double)(int)j / (double)(int)(i + 1);
                if (a[i][j] > 8 || a[i][j] < -8)
                    a[i][j] = a[i][j] / 1024;
            }
        }
    }
    return result;
}

/* FIPS 180-4. */
static const u32 K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 rotate(u32 x, u32 n)
{
    return (x >> n) | (x << (32 - n));
}

static void __attribute__((noinline)) sha256_block(u32 state[8], const u8 *block)
{
    u32 w[64], v[8];

    for (u32 i = 0; i < 16; i++)
        w[i] = (u32)block[4 * i] << 24 | (u32)block[4 * i + 1] << 16 | (u32)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (u32 i = 16; i < 64; i++) {
        u32 s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
        u32 s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    for (u32 i = 0; i < 8; i++)
        v[i] = state[i];
    for (u32 i = 0; i < 64; i++) {
        u32 s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        u32 t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
        u32 s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        u32 t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        v[7] = v[6];
        v[6] = v[5];
        v[5] = v[4];
        v[4] = v[3] + t1;
        v[3] = v[2];
        v[2] = v[1];
        v[1] = v[0];
        v[0] = t1 + t2;
    }
    for (u32 i = 0; i < 8; i++)
        state[i] += v[i];
}

#define HASHED 65536u
static u8 hashed[HASHED];

u32 sha256_hashes(u32 rounds)
{
    u32 seed = 0x6a09e667, result = 0;

    for (u32 i = 0; i < HASHED; i++)
        hashed[i] = (u8)next_random(&seed);
    while (rounds-- > 0) {
        u32 state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
        for (u32 i = 0; i < HASHED; i += 64)
            sha256_block(state, hashed + i);
        result = result * 31 + (state[0] ^ state[7]);
        hashed[result % HASHED] ^= (u8)result;
    }
    return result;
}

#define COPIED 262144u
static u32 from_words[COPIED / 4], to_words[COPIED / 4 + 16];

/* As the kernel's memcpy, and a C library's where there is no NEON. */
static void __attribute__((noinline)) copy_multiple(void *to, const void *from, u32 bytes)
{
    for (; bytes >= 32; bytes -= 32)
        __asm__ volatile("ldmia %1!, {r3-r6, r8-r10, r12}\n\tstmia %0!, {r3-r6, r8-r10, r12}"
                         : "+r"(to), "+r"(from)
                         :
                         : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "memory");
}

/* As C libraries do it where there is NEON. */
static void __attribute__((noinline)) copy_vectors(void *to, const void *from, u32 bytes)
{
    for (; bytes >= 64; bytes -= 64)
        __asm__ volatile(".fpu neon\n\t"
                         "vld1.8 {d0-d3}, [%1]!\n\tvld1.8 {d4-d7}, [%1]!\n\t"
                         "vst1.8 {d0-d3}, [%0]!\n\tvst1.8 {d4-d7}, [%0]!"
                         : "+r"(to), "+r"(from)
                         :
                         : "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "memory");
}

static void __attribute__((noinline)) copy_doublewords(void *to, const void *from, u32 bytes)
{
    u64 *t = to;
    const u64 *f = from;

    for (; bytes >= 16; bytes -= 16) {
        __asm__ volatile("ldrd r4, r5, [%1], #8\n\tstrd r4, r5, [%0], #8\n\t"
                         "ldrd r4, r5, [%1], #8\n\tstrd r4, r5, [%0], #8"
                         : "+r"(t), "+r"(f)
                         :
                         : "r4", "r5", "memory");
    }
}

static void __attribute__((noinline)) copy_bytes(u8 *to, const u8 *from, u32 bytes)
{
    while (bytes-- > 0)
        *to++ = *from++;
}

u32 memory_copies(u32 rounds)
{
    u32 seed = 0x85ebca6b, result = 0;

    for (u32 i = 0; i < COPIED / 4; i++)
        from_words[i] = next_random(&seed);
    while (rounds-- > 0) {
        copy_multiple(to_words, from_words, COPIED);
        result = result * 31 + to_words[result % (COPIED / 4)];
        copy_vectors(to_words + 1, from_words, COPIED);
        result = result * 31 + to_words[result % (COPIED / 4)];
        copy_doublewords(to_words, from_words + 8, COPIED / 4);
        for (u32 i = 0; i < 512; i++)
            copy_multiple(to_words + 64 * i, from_words + 32 * i, 96);
        copy_bytes((u8 *)to_words + 1, (const u8 *)from_words, COPIED / 16);
        result = result * 31 + to_words[result % (COPIED / 4)];
        from_words[result % (COPIED / 4)] ^= result;
    }
    return result;
}
