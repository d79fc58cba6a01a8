/*
 * What a guest does with its drive and its network card, in few instructions: the emulator runs in an emulated host here.
 *
 *   device-io copy FILE MIB       reads so much of a drive, writes it behind that, and prints its checksum
 *   device-io frames INTERFACE MIB   sends so much in frames that come back; prints the checksums of what went and what came
 */
#include <stdint.h>

enum { EXIT = 1, READ = 3, WRITE = 4, OPEN = 5, LSEEK = 19, IOCTL = 54, FSYNC = 118, SOCKET = 281, BIND = 282 };
enum { O_RDWR = 2, O_DIRECT = 0200000, O_LARGEFILE = 0400000, AF_PACKET = 17, SOCK_RAW = 3, SIOCGIFINDEX = 0x8933 };

#define MIB (1u << 20)

/* Around the page cache a drive takes whole blocks. */
static uint32_t buffer[MIB / 4] __attribute__((aligned(4096)));

static long call(long number, long a, long b, long c, long d) {
    register long r0 __asm__("r0") = a;
    register long r1 __asm__("r1") = b;
    register long r2 __asm__("r2") = c;
    register long r3 __asm__("r3") = d;
    register long r7 __asm__("r7") = number;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r3), "r"(r7) : "memory");
    return r0;
}

static void print(const char *text) {
    long length = 0;
    while (text[length] != 0) length++;
    call(WRITE, 1, (long)text, length, 0);
}

static void fail(const char *what) {
    print(what);
    print(" failed\n");
    call(EXIT, 1, 0, 0, 0);
}

static void print_sum(const char *what, const uint32_t sum[2]) {
    char text[20] = "";
    for (int i = 0; i < 16; i++) text[i] = "0123456789abcdef"[(sum[i / 8] >> (28 - i % 8 * 4)) & 15];
    print(what);
    print(" ");
    text[16] = '\n';
    print(text);
}

static uint32_t number(const char *text) {
    uint32_t value = 0;
    while (*text >= '0' && *text <= '9') value = value * 10 + (uint32_t)(*text++ - '0');
    return value;
}

/* Fletcher's checksum of 32-bit words, modulo 2^32: the second sum knows where each word was. */
static void add(uint32_t sum[2], const uint32_t *words, uint32_t count) {
    uint32_t first = sum[0], second = sum[1];
    for (uint32_t i = 0; i < count; i += 8) {
#pragma GCC unroll 8
        for (uint32_t j = 0; j < 8; j++) {
            first += words[i + j];
            second += first;
        }
    }
    sum[0] = first;
    sum[1] = second;
}

static void seek(long file, uint32_t mib) {
    if (call(LSEEK, file, (long)(mib * MIB), 0, 0) < 0) fail("seek");
}

static void copy(const char *path, uint32_t mib) {
    uint32_t sum[2] = {0, 0};
    long file = call(OPEN, (long)path, O_RDWR | O_DIRECT | O_LARGEFILE, 0, 0);
    if (file < 0) fail("open");
    for (uint32_t at = 0; at < mib; at++) {
        seek(file, at);
        if (call(READ, file, (long)buffer, MIB, 0) != (long)MIB) fail("read");
        add(sum, buffer, MIB / 4);
        seek(file, mib + at);
        if (call(WRITE, file, (long)buffer, MIB, 0) != (long)MIB) fail("write");
    }
    if (call(FSYNC, file, 0, 0, 0) < 0) fail("fsync");
    print_sum("copied", sum);
}

/* Frames for who sends them back: to everybody, of an Ethernet type that is free for experiments. */
enum { ETHERNET_TYPE = 0x88b5, HEADER = 16, PAYLOAD = 8960 };
/* Frames under way: as many as a socket has room for. */
enum { WINDOW = 8 };

/* The kernel copies fastest what begins at a word here as there; so words begin behind the header's 14 bytes and two more. */
struct frame {
    uint8_t header[HEADER];
    uint32_t payload[PAYLOAD / 4];
};

static uint16_t reversed(uint16_t value) {
    return (uint16_t)(value << 8 | value >> 8);
}

static long packet_socket(const char *interface) {
    static struct {
        char name[16];
        int index;
        char more[12];
    } request;
    for (int i = 0; i < 15 && interface[i] != 0; i++) request.name[i] = interface[i];
    long connection = call(SOCKET, AF_PACKET, SOCK_RAW, reversed(ETHERNET_TYPE), 0);
    if (connection < 0) fail("socket");
    if (call(IOCTL, connection, SIOCGIFINDEX, (long)&request, 0) < 0) fail("interface");
    static struct {
        uint16_t family, protocol;
        int index;
        uint8_t unused[12];
    } address = {.family = AF_PACKET};
    address.protocol = reversed(ETHERNET_TYPE);
    address.index = request.index;
    if (call(BIND, connection, (long)&address, sizeof(address), 0) < 0) fail("bind");
    return connection;
}

static void frames(const char *interface, uint32_t mib) {
    static struct frame out = {.header = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, ETHERNET_TYPE >> 8, ETHERNET_TYPE & 255}};
    static struct frame in;
    uint32_t sent[2] = {0, 0}, received[2] = {0, 0};
    uint32_t word = 1;
    long connection = packet_socket(interface);
    uint32_t count = mib * MIB / PAYLOAD + 1;
    for (uint32_t i = 0; i < PAYLOAD / 4; i++) out.payload[i] = word = word * 1664525 + 1013904223;
    for (uint32_t i = 0; i < count + WINDOW; i++) {
        if (i >= WINDOW) {
            if (call(READ, connection, (long)in.header, HEADER + PAYLOAD, 0) != HEADER + PAYLOAD) fail("receive");
            add(received, in.payload, PAYLOAD / 4);
        }
        if (i < count) {
            /* No two frames are alike. */
            out.payload[i % (PAYLOAD / 4)] += 0x9e3779b1;
            add(sent, out.payload, PAYLOAD / 4);
            if (call(WRITE, connection, (long)out.header, HEADER + PAYLOAD, 0) != HEADER + PAYLOAD) fail("send");
        }
    }
    print_sum("sent", sent);
    print_sum("received", received);
}

static int same(const char *a, const char *b) {
    while (*a != 0 && *a == *b) a++, b++;
    return *a == *b;
}

__attribute__((used)) static void run(const long *stack) {
    const char *const *words = (const char *const *)(stack + 1);
    if (stack[0] == 4 && same(words[1], "copy")) copy(words[2], number(words[3]));
    else if (stack[0] == 4 && same(words[1], "frames")) frames(words[2], number(words[3]));
    else fail("command line");
    call(EXIT, 0, 0, 0, 0);
}

__attribute__((naked, noreturn)) void _start(void) {
    __asm__ volatile("mov r0, sp\n\tbl run\n\t");
}
