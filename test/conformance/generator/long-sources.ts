import { Mode, W } from '../layout.ts';
import type { Random } from '../random.ts';
import { Draft } from './draft.ts';
import type { Source } from './generate.ts';
import { ACCESSES, type Kind } from './mmu-sources.ts';
import { LONG_LEAVES, type LongLeaf, longArea, longMapping, longOverrides } from './random-tables.ts';

/** An address of the data pages, unaligned and across a page's end too: all memory is Normal. */
function dataTarget(random: Random, base: number): number {
  const page = base + 0x1000 * (1 + random.below(2));
  return random.chance(40) ? page + 0x1000 - random.below(12) : page + random.below(0x1000);
}

function codeTarget(random: Random, base: number): number {
  const at = base + 0x40 + 4 * random.below(0xfd0);
  return random.chance(50) ? at | 1 : at;
}

function prepare(draft: Draft, leaf: LongLeaf): void {
  for (const [word, value] of longOverrides(draft.state, draft.random)) draft.set(word, value);
  draft.pokes.push(...longMapping(leaf, draft.random));
}

function accessSource(leaf: LongLeaf, kind: Kind): Source {
  const name = `MMU long-descriptor ${leaf}, ${kind}`;
  return {
    name,
    machine: 'plain',
    draw: (seed, index) => {
      let access = ACCESSES[kind][0]!;
      const draft = new Draft(seed, name, index, (random) => {
        access = random.pick(ACCESSES[kind]);
        return access.thumb;
      });
      prepare(draft, leaf);
      const { data, code } = longArea(leaf);
      const { random } = draft;
      draft.set(W.R0, kind === 'execute' ? codeTarget(random, code) : dataTarget(random, data));
      return draft.finish(access.code, true);
    },
  };
}

/** MCR of ATS1CPR, ATS1CPW, ATS1CUR, ATS1CUW with R0 (ARM DDI 0406C B4.2.4). */
const ADDRESS_TRANSLATIONS = [0xee070f18, 0xee070f38, 0xee070f58, 0xee070f78] as const;

function translationSource(leaf: LongLeaf): Source {
  const name = `MMU long-descriptor ${leaf}, address translation`;
  return {
    name,
    machine: 'plain',
    draw: (seed, index) => {
      const draft = new Draft(seed, name, index, () => false);
      const { random } = draft;
      draft.setMode(random.pick([Mode.svc, Mode.sys, Mode.irq]));
      prepare(draft, leaf);
      const { data, code } = longArea(leaf);
      draft.set(W.R0, random.chance(50) ? dataTarget(random, data) : codeTarget(random, code));
      return draft.finish([random.pick(ADDRESS_TRANSLATIONS)], true);
    },
  };
}

/** Translation by random long-descriptor tables (ARM DDI 0406C B3.6). */
export const LONG_SOURCES: readonly Source[] = LONG_LEAVES.flatMap((leaf) => [
  accessSource(leaf, 'read'),
  accessSource(leaf, 'write'),
  accessSource(leaf, 'execute'),
  translationSource(leaf),
]);
