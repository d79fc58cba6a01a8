#include "check.h"

#include "print.h"

static u32 passed_count, failed_count, skipped_count;

void check_reset(void)
{
    passed_count = failed_count = skipped_count = 0;
}

bool check(bool passed, const char *name, const char *details, ...)
{
    va_list arguments;

    print("[%s] %-27s ", passed ? " ok " : "fail", name);
    va_start(arguments, details);
    vprint(details, arguments);
    va_end(arguments);
    print("\n");
    if (passed)
        passed_count++;
    else
        failed_count++;
    return passed;
}

void check_skip(const char *name, const char *reason)
{
    print("[skip] %-27s %s\n", name, reason);
    skipped_count++;
}

u32 check_passed(void) { return passed_count; }
u32 check_failed(void) { return failed_count; }
u32 check_skipped(void) { return skipped_count; }
