/* The parts of the program that Linux starts as /init, and the few system calls that it makes. */
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

long system_call(long number, long a, long b, long c, long d, long e, long f);

/* Numbers of arch/arm. */
enum {
    SYS_EXIT = 1,
    SYS_FORK = 2,
    SYS_READ = 3,
    SYS_WRITE = 4,
    SYS_CLOSE = 6,
    SYS_EXECVE = 11,
    SYS_PIPE = 42,
    SYS_GETPPID = 64,
    SYS_MUNMAP = 91,
    SYS_WAIT4 = 114,
    SYS_MMAP2 = 192,
};

/* A workload: so many rounds, and a checksum that is the same wherever it runs. */
typedef u32 workload(u32 rounds);

workload f64_matrix, neon_loops, memory_copies, sha256_hashes;
workload getppid_loop, pipe_ping_pong, page_faults, fork_and_exec;

/* Prints a line and ends the process. */
void fail(const char *why) __attribute__((noreturn));
/* Waits for a child, which must end with this code. */
void reap(long child, u32 code);

static inline u32 next_random(u32 *state)
{
    u32 x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}
