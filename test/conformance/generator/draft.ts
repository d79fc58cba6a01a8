import type { Poke } from '../arena.ts';
import { W } from '../layout.ts';
import { hashName, Random } from '../random.ts';
import { expandVector, type Override, type Recipe, seededState, type Vector } from '../vector.ts';

/** One vector in the making: the state that its seed gives, and what it changes of it. */
export class Draft {
  readonly random: Random;
  readonly overrides = new Map<number, number>();
  readonly pokes: Poke[] = [];
  private readonly seed: number;
  private readonly stream: number;
  private readonly index: number;
  /** What the seed gives. */
  readonly state: Uint32Array;
  private readonly isThumb: boolean;

  constructor(seed: number, name: string, index: number, isThumb: (random: Random) => boolean) {
    this.seed = seed;
    this.stream = hashName(name);
    this.index = index;
    this.random = new Random(seed ^ 0x6d3a91c5, this.stream, index);
    this.isThumb = isThumb(this.random);
    this.state = seededState(new Random(seed, this.stream, index), this.isThumb);
  }

  get(word: number): number {
    return this.overrides.get(word) ?? this.state[word]!;
  }
  set(word: number, value: number): void {
    this.overrides.set(word, value >>> 0);
  }
  setMode(mode: number): void {
    this.set(W.CPSR, (this.get(W.CPSR) & ~0x1f) | mode);
  }
  /** @param extensions whether the seed gives the state of floating point too (see Recipe). */
  finish(code: readonly number[], extensions = false): Vector {
    const overrides: Override[] = [...this.overrides]
      .sort(([a], [b]) => a - b)
      .map(([word, value]) => ({ word, value }));
    const recipe: Recipe = { code, thumb: this.isThumb, overrides, pokes: this.pokes, extensions };
    return expandVector(this.seed, this.stream, this.index, recipe);
  }
}
