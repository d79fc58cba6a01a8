#ifndef ARMEMU_SHELL_H
#define ARMEMU_SHELL_H

#include "types.h"

#define SHELL_MAX_ARGUMENTS 8

struct shell_command {
    const char *name;
    const char *usage;
    const char *help;
    failure (*run)(u32 argc, const char *const *argv);
};

/* Reads and runs commands for ever. Each ends with the line "=> ok" or "=> fail: reason". */
void shell_run(void) __attribute__((noreturn));

/* For command functions: argument `index` as a number, or `missing` when it isn't there; false when it is no number. */
bool shell_number(u32 argc, const char *const *argv, u32 index, u32 missing, u32 *value);

#endif
