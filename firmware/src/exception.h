/* Exceptions other than IRQ (ARM DDI 0406C B1.8). */
#ifndef ARMEMU_EXCEPTION_H
#define ARMEMU_EXCEPTION_H

#include "types.h"

/* As start.S builds it. */
struct exception_frame {
    u32 r[13];
    u32 sp, lr; /* of the interrupted mode */
    u32 unused;
    u32 pc;
    u32 cpsr;
};

enum exception_kind {
    EXCEPTION_UNDEFINED,
    EXCEPTION_SVC,
    EXCEPTION_PREFETCH_ABORT,
    EXCEPTION_DATA_ABORT,
    EXCEPTION_FIQ,
};

#define RECOVERY_ABORTED 1

struct recovery {
    u32 registers[10];
};

int recovery_set(struct recovery *recovery) __attribute__((returns_twice));
void recovery_jump(struct recovery *recovery, int value) __attribute__((noreturn));

/* Where an abort in SVC mode continues, once, with RECOVERY_ABORTED; NULL makes it fatal. `quiet` leaves out the dump.
 * Answers where it went before. */
struct recovery *exception_recover_to(struct recovery *recovery, bool quiet);
/* One line that says what the last recovered exception was. */
const char *exception_last(void);
/* True when the last recovered exception was of this kind. */
bool exception_last_was(enum exception_kind kind);
u32 exception_svc_count(void);

#endif
