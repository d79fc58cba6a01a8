#include "print.h"

#include "str.h"
#include "uart.h"

struct sink {
    char *next;
    char *end; /* next == NULL: to the console */
};

static void emit(struct sink *sink, char c)
{
    if (!sink->next) {
        if (c == '\n')
            uart_put('\r');
        uart_put(c);
    } else if (sink->next < sink->end) {
        *sink->next++ = c;
    }
}

static void emit_padded(struct sink *sink, const char *text, int length, int width, bool left, char pad)
{
    for (int i = length; !left && i < width; i++)
        emit(sink, pad);
    for (int i = 0; i < length; i++)
        emit(sink, text[i]);
    for (int i = length; left && i < width; i++)
        emit(sink, ' ');
}

static void emit_number(struct sink *sink, u64 value, u32 base, bool negative, int width, bool left, char pad)
{
    char digits[24];
    int at = sizeof digits;

    do {
        u32 d = (u32)(value % base);
        digits[--at] = (char)(d < 10 ? '0' + d : 'a' + d - 10);
        value /= base;
    } while (value != 0);
    if (negative)
        digits[--at] = '-';
    emit_padded(sink, digits + at, (int)sizeof digits - at, width, left, pad);
}

static void format_to(struct sink *sink, const char *format, va_list arguments)
{
    for (; *format; format++) {
        if (*format != '%') {
            emit(sink, *format);
            continue;
        }
        bool left = false;
        char pad = ' ';
        int width = 0, longs = 0;
        for (format++; *format == '-' || *format == '0'; format++) {
            if (*format == '-')
                left = true;
            else
                pad = '0';
        }
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (*format - '0');
        for (; *format == 'l'; format++)
            longs++;
        switch (*format) {
        case 'c': {
            char c = (char)va_arg(arguments, int);
            emit_padded(sink, &c, 1, width, left, ' ');
            break;
        }
        case 's': {
            const char *text = va_arg(arguments, const char *);
            emit_padded(sink, text, (int)strlen(text), width, left, ' ');
            break;
        }
        case 'd': {
            s32 value = va_arg(arguments, s32);
            emit_number(sink, value < 0 ? 0u - (u32)value : (u32)value, 10, value < 0, width, left, pad);
            break;
        }
        case 'u':
        case 'x': {
            u64 value = longs == 2 ? va_arg(arguments, u64) : va_arg(arguments, u32);
            emit_number(sink, value, *format == 'x' ? 16 : 10, false, width, left, pad);
            break;
        }
        case 0:
            return;
        default:
            emit(sink, *format);
        }
    }
}

void vprint(const char *format, va_list arguments)
{
    struct sink console = {0};
    format_to(&console, format, arguments);
}

void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprint(format, arguments);
    va_end(arguments);
}

u32 vformat_text(char *buffer, u32 size, const char *format, va_list arguments)
{
    struct sink memory = {buffer, buffer + size - 1};
    format_to(&memory, format, arguments);
    *memory.next = 0;
    return (u32)(memory.next - buffer);
}

u32 format_text(char *buffer, u32 size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    u32 length = vformat_text(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
