/* Products of integer matrices, with sums of 32 and of 64 bits. */
#include "kernel.h"

#define SIZE 64

static s32 a[SIZE][SIZE], b[SIZE][SIZE], narrow[SIZE][SIZE];
static s64 wide[SIZE][SIZE];

static void __attribute__((noinline)) multiply(void)
{
    for (u32 i = 0; i < SIZE; i++) {
        for (u32 j = 0; j < SIZE; j++) {
            s32 sum = 0;
            for (u32 k = 0; k < SIZE; k++)
                sum += a[i][k] * b[k][j];
            narrow[i][j] = sum;
        }
    }
}

static void __attribute__((noinline)) multiply_wide(void)
{
    for (u32 i = 0; i < SIZE; i++) {
        for (u32 j = 0; j < SIZE; j++) {
            s64 sum = 0;
            for (u32 k = 0; k < SIZE; k++)
                sum += (s64)a[i][k] * b[j][k];
            wide[i][j] = sum;
        }
    }
}

u32 kernel(u32 rounds)
{
    u32 seed = 0x2545f491, result = 0;

    for (u32 i = 0; i < SIZE; i++) {
        for (u32 j = 0; j < SIZE; j++) {
            a[i][j] = (s32)(next_random(&seed) & 0xffff) - 0x8000;
            b[i][j] = (s32)(next_random(&seed) & 0xffff) - 0x8000;
        }
    }
    while (rounds-- > 0) {
        multiply();
        multiply_wide();
        for (u32 i = 0; i < SIZE; i++) {
            for (u32 j = 0; j < SIZE; j++) {
                result = result * 31 + ((u32)narrow[i][j] ^ (u32)(wide[i][j] >> 9));
                a[i][j] = narrow[i][j] >> 14;
            }
        }
    }
    return result;
}
