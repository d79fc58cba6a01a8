#ifndef ARMEMU_TYPES_H
#define ARMEMU_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef unsigned int u32; /* not uint32_t, which is long here: %u and %x print it */
typedef uint64_t u64;
typedef int s32;

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE_SIZE 4096u
#define MIB (1u << 20)

/* A command or a test answers NULL for success, or the reason why it failed. */
typedef const char *failure;

#endif
