/* Five integer kernels, each compiled to A32 and to T32 (bench_kernels.c). */
#ifndef ARMEMU_BENCH_H
#define ARMEMU_BENCH_H

#include "types.h"

#define BENCH_KERNELS 5

typedef u32 (*bench_kernel)(u32 iterations);

extern const bench_kernel bench_kernels_a32[BENCH_KERNELS];
extern const bench_kernel bench_kernels_t32[BENCH_KERNELS];

/* `name` NULL: all; `iterations` 0: the default. */
failure bench_run(const char *name, u32 iterations);
/* Check lines: both instruction sets give the known checksums. */
void bench_check(void);

#endif
