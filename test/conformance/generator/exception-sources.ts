import { CPSR, DATA_VA, SCTLR, W } from '../layout.ts';
import { withIt } from './candidate.ts';
import { Draft } from './draft.ts';
import type { Source } from './generate.ts';

/** Exceptions, with their settings in SCTLR more often than elsewhere. */
const EXCEPTIONS: readonly {
  readonly name: string;
  readonly code: readonly number[];
  readonly thumb: boolean;
}[] = [
  { name: 'SVC from A32', code: [0xef000012], thumb: false },
  { name: 'SVC from T32', code: [0xdf34], thumb: true },
  { name: 'BKPT from A32', code: [0xe1212374], thumb: false },
  { name: 'BKPT from T32', code: [0xbe12], thumb: true },
  { name: 'UDF from A32', code: [0xe7f123f4], thumb: false },
  { name: 'UDF from T32', code: [0xde56], thumb: true },
  { name: 'UDF.W from T32', code: [0xf7f1, 0xa234], thumb: true },
  { name: 'data abort from A32', code: [0xe5901000], thumb: false },
  { name: 'data abort from T32', code: [0x6001], thumb: true },
  { name: 'prefetch abort from A32', code: [0xe12fff10], thumb: false },
  { name: 'prefetch abort from T32', code: [0x4700], thumb: true },
  { name: 'alignment fault from A32', code: [0xe1901f9f], thumb: false },
  { name: 'alignment fault from T32', code: [0xe850, 0x1f00], thumb: true },
];

function exceptionSource({ name, code, thumb: isThumb }: (typeof EXCEPTIONS)[number]): Source {
  const full = `exception ${name}`;
  return {
    name: full,
    machine: 'plain',
    draw: (seed, index) => {
      const draft = new Draft(seed, full, index, () => isThumb);
      const { random } = draft;
      let sctlr = draft.get(W.SCTLR);
      for (const flag of [SCTLR.TE, SCTLR.EE, SCTLR.V]) if (random.chance(40)) sctlr ^= flag;
      draft.set(W.SCTLR, sctlr);
      if (random.chance(30)) draft.set(W.CPSR, draft.get(W.CPSR) ^ CPSR.E);
      const isAlignment = name.startsWith('alignment');
      draft.set(
        W.R0,
        isAlignment ? DATA_VA + 0x1001 + 4 * random.below(0x800) : 0xa0000000 + (random.word() >>> 4),
      );
      if (name.startsWith('prefetch'))
        draft.set(W.R0, draft.get(W.R0) & 1 ? draft.get(W.R0) : draft.get(W.R0) & ~3);
      return draft.finish(code);
    },
  };
}

/** An interrupt that is there before the first instruction, which may be inside an IT block. */
function interruptSource(name: string, isThumb: boolean): Source {
  return {
    name,
    machine: 'plain',
    draw: (seed, index) => {
      const draft = new Draft(seed, name, index, () => isThumb);
      const { random } = draft;
      let sctlr = draft.get(W.SCTLR);
      for (const flag of [SCTLR.TE, SCTLR.EE, SCTLR.V]) if (random.chance(40)) sctlr ^= flag;
      draft.set(W.SCTLR, sctlr);
      const it = isThumb && random.chance(50) ? 1 + random.below(0xdf) : 0;
      const cpsr = random.chance(80) ? draft.get(W.CPSR) & ~CPSR.I : draft.get(W.CPSR) | CPSR.I;
      draft.set(W.CPSR, withIt(cpsr, (it & 15) === 0 ? 0 : it));
      draft.set(W.INTERRUPT, 1);
      return draft.finish(isThumb ? [0x3001] : [0xe2800001]);
    },
  };
}

/** Entry to each exception, in all modes and settings. */
export const EXCEPTION_SOURCES: readonly Source[] = [
  ...EXCEPTIONS.map(exceptionSource),
  interruptSource('exception IRQ from A32', false),
  interruptSource('exception IRQ from T32', true),
];
