#ifndef ARMEMU_PRINT_H
#define ARMEMU_PRINT_H

#include <stdarg.h>

#include "types.h"

/* %c %s %d %u %x %X %% with width, '-', '0' and the length ll. A newline is sent as CR LF. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vprint(const char *format, va_list arguments);
/* The same into memory; always terminated. Answers the length written. */
u32 format_text(char *buffer, u32 size, const char *format, ...) __attribute__((format(printf, 3, 4)));
u32 vformat_text(char *buffer, u32 size, const char *format, va_list arguments);

#endif
