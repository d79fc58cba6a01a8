/* Compiled twice, with BENCH_TABLE naming the table of one instruction set. No kernel calls code outside this file,
 * so that each run stays in its instruction set. */
#include "bench.h"

#define BUFFER_BYTES 4096u
#define MATRIX 24u
#define SORT_LENGTH 512u
#define SIEVE_LENGTH 8192u

static union {
    u8 bytes[SIEVE_LENGTH];
    u32 words[SIEVE_LENGTH / 4];
} area __attribute__((aligned(64)));
static u32 crc_table[256];
static s32 matrix_a[MATRIX][MATRIX], matrix_b[MATRIX][MATRIX], matrix_c[MATRIX][MATRIX];

static u32 next_random(u32 *state)
{
    u32 x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* Table CRC and a multiplicative hash over the same bytes. */
static u32 kernel_crc(u32 iterations)
{
    u32 seed = 0x12345678, result = 0;

    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (u32 k = 0; k < 8; k++)
            c = (c >> 1) ^ (c & 1 ? 0xedb88320u : 0);
        crc_table[i] = c;
    }
    for (u32 i = 0; i < BUFFER_BYTES / 4; i++)
        area.words[i] = next_random(&seed);
    while (iterations-- > 0) {
        u32 crc = ~result, hash = 0x811c9dc5;
        for (u32 i = 0; i < BUFFER_BYTES; i++) {
            crc = (crc >> 8) ^ crc_table[(crc ^ area.bytes[i]) & 0xff];
            hash = (hash ^ area.bytes[i]) * 0x01000193;
        }
        for (u32 i = 0; i < BUFFER_BYTES / 4; i++) {
            hash ^= (area.words[i] << 15) | (area.words[i] >> 17);
            hash = hash * 5 + 0xe6546b64;
        }
        result = crc ^ hash;
        area.words[result % (BUFFER_BYTES / 4)] ^= result;
    }
    return result;
}

static u32 kernel_matrix(u32 iterations)
{
    u32 seed = 0x2545f491, sum = 0;

    for (u32 i = 0; i < MATRIX; i++) {
        for (u32 j = 0; j < MATRIX; j++) {
            matrix_a[i][j] = (s32)(next_random(&seed) & 0xffff) - 0x8000;
            matrix_b[i][j] = (s32)(next_random(&seed) & 0xffff) - 0x8000;
        }
    }
    while (iterations-- > 0) {
        for (u32 i = 0; i < MATRIX; i++) {
            for (u32 j = 0; j < MATRIX; j++) {
                s32 cell = 0;
                int64_t wide = 0;
                for (u32 k = 0; k < MATRIX; k++) {
                    cell += matrix_a[i][k] * matrix_b[k][j];
                    wide += (int64_t)matrix_a[k][i] * matrix_b[j][k];
                }
                matrix_c[i][j] = cell ^ (s32)(wide >> 7);
            }
        }
        for (u32 i = 0; i < MATRIX; i++) {
            for (u32 j = 0; j < MATRIX; j++) {
                sum = sum * 31 + (u32)matrix_c[i][j];
                matrix_a[i][j] = (matrix_c[i][j] >> 3) % 32768;
            }
        }
    }
    return sum;
}

struct item {
    struct item *next;
    u32 key;
};
static struct item items[SORT_LENGTH];

static void __attribute__((noinline)) quick_sort(u32 *low, u32 *high, bool (*before)(u32, u32))
{
    while (low < high) {
        u32 pivot = low[(high - low) / 2], *i = low, *j = high;
        while (i <= j) {
            while (before(*i, pivot))
                i++;
            while (before(pivot, *j))
                j--;
            if (i <= j) {
                u32 t = *i;
                *i++ = *j;
                *j-- = t;
            }
        }
        if (j - low < high - i) {
            quick_sort(low, j, before);
            low = i;
        } else {
            quick_sort(i, high, before);
            high = j;
        }
    }
}

static bool __attribute__((noinline)) ascending(u32 a, u32 b) { return a < b; }
static bool __attribute__((noinline)) by_bits(u32 a, u32 b)
{
    u32 x = (u32)__builtin_clz(a | 1), y = (u32)__builtin_clz(b | 1);
    return x != y ? x < y : (a & 0xffff) < (b & 0xffff);
}

static struct item *__attribute__((noinline)) merge_lists(struct item *a, struct item *b)
{
    struct item head = {0}, *tail = &head;
    while (a && b) {
        struct item **from = a->key <= b->key ? &a : &b;
        tail->next = *from;
        tail = *from;
        *from = (*from)->next;
    }
    tail->next = a ? a : b;
    return head.next;
}

static struct item *sort_list(struct item *list, u32 length)
{
    if (length < 2) {
        if (list)
            list->next = 0;
        return list;
    }
    struct item *second = list;
    for (u32 i = 0; i < length / 2; i++)
        second = second->next;
    struct item *right = sort_list(second, length - length / 2);
    return merge_lists(sort_list(list, length / 2), right);
}

static u32 kernel_sort(u32 iterations)
{
    u32 seed = 0x9d2c5680, sum = 0;

    while (iterations-- > 0) {
        for (u32 i = 0; i < SORT_LENGTH; i++) {
            area.words[i] = next_random(&seed);
            items[i].key = area.words[i] >> 8;
            items[i].next = i + 1 < SORT_LENGTH ? &items[i + 1] : 0;
        }
        quick_sort(area.words, area.words + SORT_LENGTH - 1, ascending);
        quick_sort(area.words, area.words + SORT_LENGTH - 1, by_bits);
        for (u32 i = 0; i < SORT_LENGTH; i++)
            sum = sum * 17 + (area.words[i] & 0xffff);
        for (struct item *at = sort_list(items, SORT_LENGTH); at; at = at->next)
            sum = (sum << 5) - sum + at->key;
    }
    return sum;
}

enum token_state { BLANK, WORD, NUMBER, HEX, STRING, ESCAPED, COMMENT, OPERATOR };

/* A scanner over generated text. */
static u32 kernel_state(u32 iterations)
{
    static const char alphabet[] = "ab0x 12\"\\#\n+-=f9 zq";
    u32 seed = 0x1b873593, counts[8] = {0}, value = 0;

    for (u32 i = 0; i < BUFFER_BYTES; i++)
        area.bytes[i] = (u8)alphabet[next_random(&seed) % (sizeof alphabet - 1)];
    while (iterations-- > 0) {
        enum token_state state = BLANK;
        for (u32 i = 0; i < BUFFER_BYTES; i++) {
            u32 c = area.bytes[i];
            bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'z';
            counts[state]++;
            switch (state) {
            case BLANK:
            case OPERATOR:
                state = digit ? NUMBER : letter ? WORD : c == '"' ? STRING : c == '#' ? COMMENT : c == ' ' || c == '\n' ? BLANK : OPERATOR;
                break;
            case WORD:
                value = value * 33 + c;
                if (!letter && !digit)
                    state = BLANK;
                break;
            case NUMBER:
                if (c == 'x')
                    state = HEX;
                else if (digit)
                    value = value * 10 + (c - '0');
                else
                    state = letter ? WORD : BLANK;
                break;
            case HEX:
                if (digit || (c >= 'a' && c <= 'f'))
                    value = (value << 4) | (c & 0xf);
                else
                    state = BLANK;
                break;
            case STRING:
                state = c == '"' ? BLANK : c == '\\' ? ESCAPED : STRING;
                break;
            case ESCAPED:
                value ^= c << 7;
                state = STRING;
                break;
            case COMMENT:
                if (c == '\n')
                    state = BLANK;
                break;
            }
        }
        area.bytes[value % BUFFER_BYTES] = (u8)alphabet[value % (sizeof alphabet - 1)];
    }
    for (u32 i = 0; i < 8; i++)
        value = value * 1000003 + counts[i];
    return value;
}

static u32 kernel_sieve(u32 iterations)
{
    u32 sum = 0;

    while (iterations-- > 0) {
        for (u32 i = 0; i < SIEVE_LENGTH / 4; i++)
            area.words[i] = 0x01010101;
        for (u32 i = 2; i * i < SIEVE_LENGTH; i++) {
            if (!area.bytes[i])
                continue;
            for (u32 j = i * i; j < SIEVE_LENGTH; j += i)
                area.bytes[j] = 0;
        }
        for (u32 i = 2; i < SIEVE_LENGTH; i++)
            sum += area.bytes[i] ? i ^ (sum << 1) : 0;
        /* Copies by words (even) and by bytes, to the other half. */
        u32 *from = area.words, *to = area.words + SIEVE_LENGTH / 8;
        for (u32 i = 0; i < SIEVE_LENGTH / 8; i += 4) {
            to[i] = from[i + 3];
            to[i + 1] = from[i + 2];
            to[i + 2] = from[i + 1];
            to[i + 3] = from[i];
        }
        for (u32 i = 0; i < SIEVE_LENGTH / 2; i++)
            sum = (sum >> 1) + (sum << 31) + area.bytes[SIEVE_LENGTH - 1 - i] * (i | 1);
    }
    return sum;
}

const bench_kernel BENCH_TABLE[BENCH_KERNELS] = {kernel_crc, kernel_matrix, kernel_sort, kernel_state, kernel_sieve};
