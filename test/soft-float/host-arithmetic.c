/*
 * The host's own floating-point unit, for scripts/check-soft-float.mjs: reads records from standard input, writes one
 * result for each. Compiled with -frounding-math and without excess precision.
 */
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct operation {
  uint32_t code, rounding;
  uint64_t a, b, c;
};
struct outcome {
  uint64_t value;
  uint32_t flags, reserved;
};

enum { ADD, SUB, MUL, DIV, SQRT, FMA, TO_OTHER, TO_SIGNED, TO_UNSIGNED, FROM_SIGNED, FROM_UNSIGNED };
enum { DOUBLE = 16 };
/* Cumulative bits of FPSCR. */
enum { IOC = 1, DZC = 2, OFC = 4, UFC = 8, IXC = 16 };

/* In the order of FPSCR.RMode. */
static const int modes[4] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

static float single(uint64_t bits) {
  uint32_t low = (uint32_t)bits;
  float f;
  memcpy(&f, &low, 4);
  return f;
}
static double wide(uint64_t bits) {
  double d;
  memcpy(&d, &bits, 8);
  return d;
}
static uint64_t of_single(float f) {
  uint32_t low;
  memcpy(&low, &f, 4);
  return low;
}
static uint64_t of_double(double d) {
  uint64_t bits;
  memcpy(&bits, &d, 8);
  return bits;
}

/* A conversion to an integer as Arm saturates it. */
static uint64_t to_integer(double value, double min, double max) {
  if (isnan(value)) {
    feraiseexcept(FE_INVALID);
    return 0;
  }
  double whole = nearbyint(value);
  if (whole < min || whole > max) {
    feraiseexcept(FE_INVALID);
    return (uint32_t)(int64_t)(whole < min ? min : max);
  }
  if (whole != value) feraiseexcept(FE_INEXACT);
  return (uint32_t)(int64_t)whole;
}

static uint64_t run32(const struct operation *o) {
  volatile float a = single(o->a), b = single(o->b), c = single(o->c);
  switch (o->code) {
    case ADD: return of_single(a + b);
    case SUB: return of_single(a - b);
    case MUL: return of_single(a * b);
    case DIV: return of_single(a / b);
    case SQRT: return of_single(sqrtf(a));
    case FMA: return of_single(fmaf(a, b, c));
    case TO_OTHER: return of_double((double)a);
    case TO_SIGNED: return to_integer(a, -2147483648.0, 2147483647.0);
    case TO_UNSIGNED: return to_integer(a, 0, 4294967295.0);
    case FROM_SIGNED: return of_single((float)(int32_t)o->a);
    default: return of_single((float)(uint32_t)o->a);
  }
}

static uint64_t run64(const struct operation *o) {
  volatile double a = wide(o->a), b = wide(o->b), c = wide(o->c);
  switch (o->code - DOUBLE) {
    case ADD: return of_double(a + b);
    case SUB: return of_double(a - b);
    case MUL: return of_double(a * b);
    case DIV: return of_double(a / b);
    case SQRT: return of_double(sqrt(a));
    case FMA: return of_double(fma(a, b, c));
    case TO_OTHER: return of_single((float)a);
    case TO_SIGNED: return to_integer(a, -2147483648.0, 2147483647.0);
    case TO_UNSIGNED: return to_integer(a, 0, 4294967295.0);
    case FROM_SIGNED: return of_double((double)(int32_t)o->a);
    default: return of_double((double)(uint32_t)o->a);
  }
}

static uint64_t run_rounding(const struct operation *o, int rounding, int *raised) {
  fesetround(rounding);
  feclearexcept(FE_ALL_EXCEPT);
  uint64_t value = o->code < DOUBLE ? run32(o) : run64(o);
  *raised = fetestexcept(FE_ALL_EXCEPT);
  fesetround(FE_TONEAREST);
  return value;
}

/* Arm detects tininess before rounding; a host may do it after: the result towards zero shows what it was before. */
static int tiny(const struct operation *o) {
  int raised;
  uint64_t value = run_rounding(o, FE_TOWARDZERO, &raised);
  int to_double = (o->code >= DOUBLE) != ((o->code & 15) == TO_OTHER);
  if ((o->code & 15) > TO_OTHER) return 0;
  return to_double ? ((value >> 52) & 0x7ff) == 0 : ((value >> 23) & 0xff) == 0;
}

int main(void) {
  struct operation o;
  struct outcome r;
  while (fread(&o, sizeof o, 1, stdin) == 1) {
    int raised;
    memset(&r, 0, sizeof r);
    r.value = run_rounding(&o, modes[o.rounding & 3], &raised);
    r.flags = (raised & FE_INVALID ? IOC : 0) | (raised & FE_DIVBYZERO ? DZC : 0) |
              (raised & FE_OVERFLOW ? OFC : 0) | (raised & FE_INEXACT ? IXC : 0);
    if ((raised & FE_INEXACT) != 0 && (raised & FE_OVERFLOW) == 0 && tiny(&o)) r.flags |= UFC;
    fwrite(&r, sizeof r, 1, stdout);
  }
  return 0;
}
