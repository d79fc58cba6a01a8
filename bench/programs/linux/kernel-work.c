/* What is mostly the kernel's work: system calls, switching between processes, page faults, new processes. */
#include "linux.h"

#define PAGE 4096u
#define MAPPED (4u << 20)

static long call(long number, long a, long b, long c)
{
    return system_call(number, a, b, c, 0, 0, 0);
}

u32 getppid_loop(u32 rounds)
{
    u32 sum = 0;

    while (rounds-- > 0)
        sum += (u32)call(SYS_GETPPID, 0, 0, 0) + 1;
    return sum;
}

void reap(long child, u32 code)
{
    int status = -1;

    if (child < 0)
        fail("fork");
    if (system_call(SYS_WAIT4, child, (long)&status, 0, 0, 0, 0) != child || status != (int)(code << 8))
        fail("a child did not end as it should");
}

static u32 pass_on(long from, long to, u32 rounds)
{
    u32 sum = 0;

    while (rounds-- > 0) {
        u8 byte;
        if (call(SYS_READ, from, (long)&byte, 1) != 1)
            fail("read from a pipe");
        sum = sum * 31 + byte++;
        if (call(SYS_WRITE, to, (long)&byte, 1) != 1)
            fail("write to a pipe");
    }
    return sum;
}

u32 pipe_ping_pong(u32 rounds)
{
    int there[2], back[2];
    u8 first = 1;

    if (call(SYS_PIPE, (long)there, 0, 0) != 0 || call(SYS_PIPE, (long)back, 0, 0) != 0)
        fail("pipe");
    long child = call(SYS_FORK, 0, 0, 0);
    if (child == 0) {
        pass_on(there[0], back[1], rounds);
        call(SYS_EXIT, 0, 0, 0);
    }
    if (call(SYS_WRITE, there[1], (long)&first, 1) != 1)
        fail("write to a pipe");
    u32 sum = pass_on(back[0], there[1], rounds);
    reap(child, 0);
    for (u32 i = 0; i < 2; i++) {
        call(SYS_CLOSE, there[i], 0, 0);
        call(SYS_CLOSE, back[i], 0, 0);
    }
    return sum;
}

/* Each round maps 4 MiB of fresh pages, touches each, and gives them back. */
u32 page_faults(u32 rounds)
{
    u32 sum = 0;

    while (rounds-- > 0) {
        /* PROT_READ | PROT_WRITE; MAP_PRIVATE | MAP_ANONYMOUS. */
        u8 *at = (u8 *)system_call(SYS_MMAP2, 0, MAPPED, 3, 0x22, -1, 0);
        if ((u32)at > -PAGE)
            fail("mmap");
        for (u32 i = 0; i < MAPPED; i += PAGE)
            at[i] = (u8)(rounds + 1);
        for (u32 i = 0; i < MAPPED; i += PAGE)
            sum = sum * 31 + at[i] + at[i + 1];
        if (call(SYS_MUNMAP, (long)at, MAPPED, 0) != 0)
            fail("munmap");
    }
    return sum;
}

u32 fork_and_exec(u32 rounds)
{
    static char *const arguments[] = {"init", "x", 0};
    static char *const environment[] = {0};
    u32 count = 0;

    for (; count < rounds; count++) {
        long child = call(SYS_FORK, 0, 0, 0);
        if (child == 0) {
            call(SYS_EXECVE, (long)"/init", (long)arguments, (long)environment);
            call(SYS_EXIT, 1, 0, 0);
        }
        reap(child, 7);
    }
    return count;
}
