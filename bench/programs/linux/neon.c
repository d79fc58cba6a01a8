/* Loops as a compiler or a person writes them for NEON: pixels, samples, single precision. */
#include <arm_neon.h>
#include "linux.h"

#define PIXELS 16384u

static u8 front[PIXELS], back[PIXELS], mixed[PIXELS];
static short samples[PIXELS], filtered[PIXELS];
static float x[PIXELS / 4], y[PIXELS / 4];

/* front * alpha + back * (256 - alpha), rounded. */
static void __attribute__((noinline)) blend(u32 alpha)
{
    uint8x8_t of_front = vdup_n_u8((u8)alpha), of_back = vdup_n_u8((u8)(255 - alpha));

    for (u32 i = 0; i < PIXELS; i += 16) {
        uint8x16_t f = vld1q_u8(front + i), b = vld1q_u8(back + i);
        uint16x8_t low = vmlal_u8(vmull_u8(vget_low_u8(f), of_front), vget_low_u8(b), of_back);
        uint16x8_t high = vmlal_u8(vmull_u8(vget_high_u8(f), of_front), vget_high_u8(b), of_back);
        vst1q_u8(mixed + i, vcombine_u8(vrshrn_n_u16(low, 8), vrshrn_n_u16(high, 8)));
    }
}

static u32 __attribute__((noinline)) sum_of_differences(void)
{
    uint32x4_t sum = vdupq_n_u32(0);

    for (u32 i = 0; i < PIXELS; i += 16) {
        uint8x16_t difference = vabdq_u8(vld1q_u8(mixed + i), vld1q_u8(back + i));
        sum = vpadalq_u16(sum, vpaddlq_u8(difference));
    }
    return vgetq_lane_u32(sum, 0) + vgetq_lane_u32(sum, 1) + vgetq_lane_u32(sum, 2) + vgetq_lane_u32(sum, 3);
}

static void __attribute__((noinline)) filter(void)
{
    int16x4_t taps = vcreate_s16(0x0400300020001000);

    for (u32 i = 0; i + 16 <= PIXELS; i += 8) {
        int16x8_t now = vld1q_s16(samples + i), next = vld1q_s16(samples + i + 8);
        int32x4_t low = vmull_lane_s16(vget_low_s16(now), taps, 0);
        int32x4_t high = vmull_lane_s16(vget_high_s16(now), taps, 0);
        low = vmlal_lane_s16(low, vget_low_s16(vextq_s16(now, next, 1)), taps, 1);
        high = vmlal_lane_s16(high, vget_high_s16(vextq_s16(now, next, 1)), taps, 1);
        low = vmlal_lane_s16(low, vget_low_s16(vextq_s16(now, next, 2)), taps, 2);
        high = vmlal_lane_s16(high, vget_high_s16(vextq_s16(now, next, 2)), taps, 2);
        vst1q_s16(filtered + i, vqaddq_s16(now, vcombine_s16(vqshrn_n_s32(low, 15), vqshrn_n_s32(high, 15))));
    }
}

static void __attribute__((noinline)) scale_and_add(float factor)
{
    float32x4_t by = vdupq_n_f32(factor);

    for (u32 i = 0; i < PIXELS / 4; i += 4)
        vst1q_f32(y + i, vaddq_f32(vmulq_f32(vld1q_f32(x + i), by), vmulq_n_f32(vld1q_f32(y + i), 0.5f)));
}

static u32 __attribute__((noinline)) largest(void)
{
    float32x4_t most = vld1q_f32(y);

    for (u32 i = 4; i < PIXELS / 4; i += 4)
        most = vmaxq_f32(most, vld1q_f32(y + i));
    uint32x4_t bits = vreinterpretq_u32_f32(most);
    return vgetq_lane_u32(bits, 0) ^ vgetq_lane_u32(bits, 1) ^ vgetq_lane_u32(bits, 2) ^ vgetq_lane_u32(bits, 3);
}

u32 neon_loops(u32 rounds)
{
    u32 seed = 0xcc9e2d51, result = 0;

    for (u32 i = 0; i < PIXELS; i++) {
        u32 random = next_random(&seed);
        front[i] = (u8)random;
        back[i] = (u8)(random >> 8);
        samples[i] = (short)(random >> 16);
        x[i / 4] = (float)(int)(random & 0xffff) / 1024;
    }
    while (rounds-- > 0) {
        blend(result & 0xff);
        result = result * 31 + sum_of_differences();
        filter();
        result += (u32)filtered[result % (PIXELS - 16)];
        scale_and_add((float)(int)(result & 0xff) / 64);
        result ^= largest();
        front[result % PIXELS] ^= (u8)result;
        samples[result % PIXELS] = (short)result;
    }
    return result;
}
