#include "exception.h"

#include "arm.h"
#include "power.h"
#include "print.h"

#define SEMIHOSTING_A32 0x123456u

static struct recovery *recovery;
static bool recover_quietly;
static char last_text[96];
static enum exception_kind last_kind;
static u32 svc_count;

/* Fault status, short-descriptor format: DFSR/IFSR bits 10 and 3:0 (DDI 0406C table B3-23). */
static const char *fault_name(u32 status)
{
    switch ((status & 0xf) | ((status >> 6) & 0x10)) {
    case 0x01: return "alignment fault";
    case 0x02: return "debug event";
    case 0x03: return "access flag fault, section";
    case 0x04: return "fault on instruction cache maintenance";
    case 0x05: return "translation fault, section";
    case 0x06: return "access flag fault, page";
    case 0x07: return "translation fault, page";
    case 0x08: return "synchronous external abort";
    case 0x09: return "domain fault, section";
    case 0x0b: return "domain fault, page";
    case 0x0c: return "external abort on walk, level 1";
    case 0x0d: return "permission fault, section";
    case 0x0e: return "external abort on walk, level 2";
    case 0x0f: return "permission fault, page";
    case 0x16: return "asynchronous external abort";
    default: return "fault";
    }
}

static void describe(const struct exception_frame *frame, enum exception_kind kind)
{
    u32 dfsr = read_DFSR(), ifsr = read_IFSR();

    switch (kind) {
    case EXCEPTION_DATA_ABORT:
        format_text(last_text, sizeof last_text, "data abort on %s: DFSR 0x%08x (%s) DFAR 0x%08x",
                    dfsr & (1u << 11) ? "write" : "read", dfsr, fault_name(dfsr), read_DFAR());
        break;
    case EXCEPTION_PREFETCH_ABORT:
        format_text(last_text, sizeof last_text, "prefetch abort: IFSR 0x%08x (%s) IFAR 0x%08x", ifsr, fault_name(ifsr),
                    read_IFAR());
        break;
    case EXCEPTION_UNDEFINED:
        format_text(last_text, sizeof last_text, "undefined instruction at 0x%08x", frame->pc);
        break;
    default:
        format_text(last_text, sizeof last_text, "unexpected %s at 0x%08x", kind == EXCEPTION_FIQ ? "FIQ" : "SVC", frame->pc);
    }
}

static void dump(const struct exception_frame *frame)
{
    print("\n%s\n", last_text);
    for (u32 i = 0; i < 13; i++)
        print("%sr%-2u %08x%s", i % 4 == 0 ? "  " : " ", i, frame->r[i], i % 4 == 3 ? "\n" : " ");
    print(" sp  %08x  lr  %08x\n  pc  %08x  cpsr %08x\n", frame->sp, frame->lr, frame->pc, frame->cpsr);
}

static bool handle_svc(struct exception_frame *frame)
{
    if (frame->cpsr & CPSR_T)
        return false;
    u32 immediate = *(const u32 *)(frame->pc - 4) & 0x00ffffff;
    if (immediate == SEMIHOSTING_A32) {
        /* It arrived here, so no debugger or emulator took it. */
        frame->r[0] = (u32)-1;
        return true;
    }
    svc_count++;
    frame->r[0] = immediate;
    return true;
}

void exception_dispatch(struct exception_frame *frame, enum exception_kind kind)
{
    if (kind == EXCEPTION_UNDEFINED)
        frame->pc -= frame->cpsr & CPSR_T ? 2 : 4;
    if (kind == EXCEPTION_SVC && handle_svc(frame))
        return;
    describe(frame, kind);
    last_kind = kind;
    bool recoverable = recovery && (frame->cpsr & CPSR_MODE_MASK) == MODE_SVC && kind != EXCEPTION_FIQ && kind != EXCEPTION_SVC;
    if (!recoverable || !recover_quietly)
        dump(frame);
    if (!recoverable) {
        print("not recoverable, stopping\n");
        power_exit(1);
    }
    /* The abort's own return goes to recovery_jump, in A32 state with the interrupted masks. */
    frame->r[0] = (u32)recovery;
    frame->r[1] = RECOVERY_ABORTED;
    frame->pc = (u32)recovery_jump;
    frame->cpsr &= ~(CPSR_T | CPSR_E | CPSR_IT | CPSR_I | CPSR_A);
    recovery = NULL;
}

struct recovery *exception_recover_to(struct recovery *to, bool quiet)
{
    struct recovery *before = recovery;
    recovery = to;
    recover_quietly = quiet;
    return before;
}

const char *exception_last(void)
{
    return last_text;
}

bool exception_last_was(enum exception_kind kind)
{
    return last_kind == kind;
}

u32 exception_svc_count(void)
{
    return svc_count;
}
