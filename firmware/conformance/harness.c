#include <stdint.h>
#include "layout.h"

/*
 * Replays a list of vectors and records what each left behind. Input and output are in RAM, which the host has as a
 * file: no device is needed, and after a hang the host still sees how far it came.
 */

extern void enter(const uint32_t *state);
extern uint32_t frame[STATE_WORDS];

struct control {
  uint32_t count;
  uint32_t done;
  uint32_t pad[2];
};

struct poke {
  uint32_t address;
  uint32_t value;
};

static volatile struct control *const control = (volatile struct control *)CONTROL_BASE;
static uint32_t undo[4096];

/* GICv2 of `virt`: WFI needs something pending to come back. */
#define GICD_CTLR (*(volatile uint32_t *)0x08000000)
#define GICD_ISENABLER1 (*(volatile uint32_t *)0x08000104)
#define GICD_ISPENDR1 (*(volatile uint32_t *)0x08000204)
#define GICD_ICPENDR1 (*(volatile uint32_t *)0x08000284)
#define GICD_ITARGETSR8 (*(volatile uint32_t *)0x08000820)
#define GICC_CTLR (*(volatile uint32_t *)0x08010000)
#define GICC_PMR (*(volatile uint32_t *)0x08010004)

static void pend_interrupt(void) {
  GICD_ITARGETSR8 = 1;
  GICD_ISENABLER1 = 1;
  GICC_PMR = 0xff;
  GICC_CTLR = 1;
  GICD_CTLR = 1;
  GICD_ISPENDR1 = 1;
}

static void clear_interrupt(void) {
  GICD_ICPENDR1 = 1;
  GICC_CTLR = 0;
  GICD_CTLR = 0;
}

/* Input: STATE_WORDS words, number of pokes, pokes. Output: STATE_WORDS words, number of differences, those. */
void run_vectors(void) {
  const uint32_t *in = (const uint32_t *)VECTORS_BASE;
  uint32_t *out = (uint32_t *)RESULTS_BASE;
  uint32_t *const data = (uint32_t *)DATA_BASE;
  const uint32_t *const master = (const uint32_t *)MASTER_BASE;
  const uint32_t count = control->count;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t pokes = in[STATE_WORDS];
    const struct poke *poke = (const struct poke *)(in + STATE_WORDS + 1);
    for (uint32_t p = 0; p < pokes; p++) {
      undo[p] = *(uint32_t *)poke[p].address;
      *(uint32_t *)poke[p].address = poke[p].value;
    }
    if (in[W_INTERRUPT]) pend_interrupt();
    enter(in);
    if (in[W_INTERRUPT]) clear_interrupt();
    for (uint32_t p = pokes; p-- > 0;) {
      if (poke[p].address - DATA_BASE >= 4 * DATA_WORDS) *(uint32_t *)poke[p].address = undo[p];
    }
    for (uint32_t w = 0; w < STATE_WORDS; w++) out[w] = frame[w];
    out[W_INTERRUPT] = in[W_INTERRUPT];
    uint32_t *diff = out + STATE_WORDS + 1;
    for (uint32_t w = 0; w < DATA_WORDS; w += 4) {
      if (((data[w] ^ master[w]) | (data[w + 1] ^ master[w + 1]) | (data[w + 2] ^ master[w + 2]) |
           (data[w + 3] ^ master[w + 3])) == 0)
        continue;
      for (uint32_t k = w; k < w + 4; k++) {
        if (data[k] == master[k]) continue;
        *diff++ = k;
        *diff++ = data[k];
        data[k] = master[k];
      }
    }
    out[STATE_WORDS] = (uint32_t)(diff - (out + STATE_WORDS + 1)) / 2;
    out = diff;
    in += STATE_WORDS + 1 + 2 * pokes;
    control->done = i + 1;
  }
}
