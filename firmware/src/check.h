/* Result lines of the tests, and what they add up to. */
#ifndef ARMEMU_CHECK_H
#define ARMEMU_CHECK_H

#include "types.h"

void check_reset(void);
/* "[ ok ] name      details" or "[fail] ..."; answers `passed`. */
bool check(bool passed, const char *name, const char *details, ...) __attribute__((format(printf, 3, 4)));
/* "[skip] name      reason": there is nothing to check. */
void check_skip(const char *name, const char *reason);
u32 check_passed(void);
u32 check_failed(void);
u32 check_skipped(void);

#endif
