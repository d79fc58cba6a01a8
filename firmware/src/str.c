#include "str.h"

void *memcpy(void *to, const void *from, size_t count)
{
    u8 *d = to;
    const u8 *s = from;

    if ((((u32)d | (u32)s) & 3) == 0) {
        for (; count >= 4; count -= 4, d += 4, s += 4)
            *(u32 *)d = *(const u32 *)s;
    }
    while (count-- > 0)
        *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t count)
{
    u8 *d = to;
    const u8 *s = from;

    if (d <= s)
        return memcpy(to, from, count);
    while (count-- > 0)
        d[count] = s[count];
    return to;
}

void *memset(void *to, int value, size_t count)
{
    u8 *d = to;

    if (((u32)d & 3) == 0) {
        u32 word = (u8)value * 0x01010101u;
        for (; count >= 4; count -= 4, d += 4)
            *(u32 *)d = word;
    }
    while (count-- > 0)
        *d++ = (u8)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t count)
{
    const u8 *x = a, *y = b;

    for (; count > 0; count--, x++, y++) {
        if (*x != *y)
            return *x - *y;
    }
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t count)
{
    while (count > 0 && *a && *a == *b)
        a++, b++, count--;
    return count == 0 ? 0 : (u8)*a - (u8)*b;
}

bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    while (*list) {
        while (*list == ' ')
            list++;
        if (strncmp(list, word, length) == 0 && (list[length] == ' ' || list[length] == 0))
            return true;
        while (*list && *list != ' ')
            list++;
    }
    return false;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return 99;
}

bool parse_u64(const char *text, u64 *value)
{
    u32 base = 10;
    u64 result = 0;

    if (text[0] == '0' && (text[1] | 0x20) == 'x')
        base = 16, text += 2;
    else if (text[0] == '0' && (text[1] | 0x20) == 'b')
        base = 2, text += 2;
    if (*text == 0)
        return false;
    for (; *text; text++) {
        u32 d = (u32)digit(*text);
        if (d >= base || result > (~0ull - d) / base)
            return false;
        result = result * base + d;
    }
    *value = result;
    return true;
}

bool parse_u32(const char *text, u32 *value)
{
    u64 wide;

    if (!parse_u64(text, &wide) || wide > 0xffffffffu)
        return false;
    *value = (u32)wide;
    return true;
}
