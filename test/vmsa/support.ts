import { AccessKind, permits, type WalkResult } from '../../src/vmsa/walk.ts';

/** Memory with some words, of which all others answer 0, and addresses where nothing answers. */
export class FakeMemory {
  readonly words = new Map<number, number>();
  readonly reads: number[] = [];
  readonly silent = new Set<number>();

  constructor(words: Readonly<Record<number, number>> = {}) {
    for (const [address, word] of Object.entries(words)) this.words.set(Number(address), word >>> 0);
  }

  readonly read = (address: number): number | undefined => {
    this.reads.push(address);
    return this.silent.has(address) ? undefined : (this.words.get(address) ?? 0);
  };
}

/** Rights of PL1 and PL0, as `rwx r-x`. */
export function rightsOf(result: WalkResult): string {
  const text = (privileged: boolean): string =>
    (permits(result.rights, AccessKind.Read, privileged) ? 'r' : '-') +
    (permits(result.rights, AccessKind.Write, privileged) ? 'w' : '-') +
    (permits(result.rights, AccessKind.Execute, privileged) ? 'x' : '-');
  return `${text(true)} ${text(false)}`;
}
