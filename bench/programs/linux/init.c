/* The first process: reads lines `NAME ROUNDS` from the console, runs that workload in a process of its own, so that none
 * finds memory that another has touched, and prints marks around it. */
#include "linux.h"

static const struct {
    const char *name;
    workload *run;
} WORKLOADS[] = {
    {"f64-matrix", f64_matrix},     {"neon", neon_loops},      {"memcpy", memory_copies},
    {"sha256", sha256_hashes},      {"getppid", getppid_loop}, {"pipe", pipe_ping_pong},
    {"page-faults", page_faults},   {"fork-exec", fork_and_exec},
};

static u32 length(const char *text)
{
    u32 n = 0;
    while (text[n])
        n++;
    return n;
}

static void print(const char *text)
{
    system_call(SYS_WRITE, 1, (long)text, (long)length(text), 0, 0, 0);
}

void fail(const char *why)
{
    print("bench: failed: ");
    print(why);
    print("\n");
    system_call(SYS_EXIT, 1, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}

static void print_end(u32 checksum)
{
    char line[] = "bench: end 00000000\n";
    for (u32 i = 0; i < 8; i++)
        line[11 + i] = "0123456789abcdef"[(checksum >> (28 - 4 * i)) & 15];
    print(line);
}

/* The line's first word is this one; the place behind it, or 0. */
static const char *after_word(const char *line, const char *word)
{
    while (*word)
        if (*line++ != *word++)
            return 0;
    return *line == ' ' ? line + 1 : 0;
}

static u32 parse_number(const char *text)
{
    u32 value = 0;
    while (*text >= '0' && *text <= '9')
        value = value * 10 + (u32)(*text++ - '0');
    return value;
}

static void run(const char *line)
{
    for (u32 i = 0; i < sizeof WORKLOADS / sizeof *WORKLOADS; i++) {
        const char *rounds = after_word(line, WORKLOADS[i].name);
        if (rounds) {
            print("bench: begin\n");
            long child = system_call(SYS_FORK, 0, 0, 0, 0, 0, 0);
            if (child == 0) {
                print_end(WORKLOADS[i].run(parse_number(rounds)));
                system_call(SYS_EXIT, 0, 0, 0, 0, 0, 0);
            }
            reap(child, 0);
            return;
        }
    }
    fail("there is no such workload");
}

int program(int argc, char **argv)
{
    static char line[80];

    /* What fork_and_exec starts. */
    if (argc == 2 && argv[1][0] == 'x')
        return 7;
    print("bench: ready\n");
    for (;;) {
        long n = system_call(SYS_READ, 0, (long)line, sizeof line - 1, 0, 0, 0);
        if (n <= 0)
            fail("the console gave no line");
        line[n] = 0;
        run(line);
    }
}
