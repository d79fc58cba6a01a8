#include "bench.h"

#include "check.h"
#include "print.h"
#include "str.h"
#include "timer.h"
#include "uart.h"

#define DEFAULT_ITERATIONS 50u

static const struct {
    const char *name;
    u32 checksum; /* of one iteration; the same for any correct CPU */
} kernels[BENCH_KERNELS] = {
    {"crc", 0x64498b36}, {"matrix", 0xa18398ad}, {"sort", 0x2eabab06}, {"state", 0xe9e4f311}, {"sieve", 0xd4117502},
};

static void run_one(const char *name, const char *set, bench_kernel kernel, u32 iterations)
{
    u64 start = timer_ticks();
    u32 checksum = kernel(iterations);
    u64 ticks = timer_ticks() - start;

    print("bench %-6s %s  iterations %u  checksum 0x%08x  ticks %llu  us %u\n", name, set, iterations, checksum, ticks,
          timer_ticks_to_us(ticks));
}

failure bench_run(const char *name, u32 iterations)
{
    bool found = false;

    if (iterations == 0)
        iterations = DEFAULT_ITERATIONS;
    for (u32 i = 0; i < BENCH_KERNELS && !uart_cancelled(); i++) {
        if (name && strcmp(name, kernels[i].name) != 0)
            continue;
        found = true;
        run_one(kernels[i].name, "a32", bench_kernels_a32[i], iterations);
        run_one(kernels[i].name, "t32", bench_kernels_t32[i], iterations);
    }
    return found ? NULL : "no such kernel: crc, matrix, sort, state, sieve";
}

void bench_check(void)
{
    for (u32 i = 0; i < BENCH_KERNELS; i++) {
        char title[24];
        u32 a32 = bench_kernels_a32[i](1), t32 = bench_kernels_t32[i](1);
        format_text(title, sizeof title, "kernel %s", kernels[i].name);
        check(a32 == kernels[i].checksum && t32 == a32, title, "A32 0x%08x, T32 0x%08x, expected 0x%08x", a32, t32, kernels[i].checksum);
    }
}
