#ifndef ARMEMU_STR_H
#define ARMEMU_STR_H

#include "types.h"

void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t count);
/* True when the words of `list`, parted by blanks, contain `word`. */
bool has_word(const char *list, const char *word);
/* Parses 123, 0x7b or 0b1111011; answers false when the text is no number or too large. */
bool parse_u32(const char *text, u32 *value);
bool parse_u64(const char *text, u64 *value);

#endif
