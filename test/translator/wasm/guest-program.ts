import { type TranslateRequest, translateBlock } from '../../../src/arm/translate-block.ts';
import type { IrBlock } from '../../../src/translator/ir/value.ts';
import type { BlockSource } from '../../../src/translator/wasm/region.ts';
import { pack } from '../../arm/assembler.ts';

/** Where programs begin: a page with room before and behind. */
export const START = 0x8000;

/** A branch to a label, with its condition (14: always). */
export interface Jump {
  readonly to: string;
  readonly condition: number;
  readonly link: boolean;
}

/** An instruction's encoding (T32: one of 32 bits when over 0xffff), a jump, or the name of a label. */
export type Line = number | string | Jump;

export const jump = (to: string, condition = 14): Jump => ({ to, condition, link: false });
export const call = (to: string, condition = 14): Jump => ({ to, condition, link: true });

export const BX_LR = 0xe12fff1e;
export const PUSH_LR = 0xe52de004;
export const POP_PC = 0xe49df004;
export const PUSH_R4_LR = 0xe92d4010;
export const POP_R4_PC = 0xe8bd8010;

function a32Jump({ condition, link }: Jump, distance: number): number[] {
  const word = (((condition << 28) >>> 0) | 0x0a000000 | (link ? 1 << 24 : 0)) >>> 0;
  return [(word | (((distance - 8) >> 2) & 0xffffff)) >>> 0];
}

function t32Jump({ condition, link }: Jump, distance: number): number[] {
  const offset = distance - 4;
  if (link) return [0xf000 | ((offset >> 12) & 0x7ff), 0xf800 | ((offset >> 1) & 0x7ff)];
  if (condition === 14) return [0xe000 | ((offset >> 1) & 0x7ff)];
  return [0xd000 | (condition << 8) | ((offset >> 1) & 0xff)];
}

/** Code at START, as a region builder sees it: all of it may be followed unless told otherwise. */
export class GuestProgram implements BlockSource {
  readonly thumb: boolean;
  /** Bytes of code. */
  readonly bytes: number;
  /** Addresses that are not to be followed. */
  readonly forbidden = new Set<number>();
  /** Where calls through registers went, by what LR was. */
  readonly seen = new Map<number, readonly number[]>();
  /** Addresses where other regions begin that one may take the place of. */
  readonly entered = new Set<number>();
  /** Blocks that were translated. */
  translations = 0;
  private readonly labels = new Map<string, number>();
  private readonly halfwords: number[] = [];

  constructor(lines: readonly Line[], thumb = false) {
    this.thumb = thumb;
    let at = START;
    for (const line of lines) {
      if (typeof line === 'string') this.labels.set(line, at);
      else at += this.sizeOf(line);
    }
    this.bytes = at - START;
    for (const line of lines) if (typeof line !== 'string') this.halfwords.push(...this.encode(line));
  }

  get flags(): number {
    return this.thumb ? 1 : 0;
  }

  /** The address of a label. */
  at(label: string): number {
    const address = this.labels.get(label);
    if (address === undefined) throw new Error(`no label ${label}`);
    return address;
  }

  words(): number[] {
    return pack(this.halfwords);
  }

  block(pc: number, endsBefore?: (pc: number) => boolean): IrBlock | undefined {
    this.translations++;
    const request: TranslateRequest = {
      pc,
      thumb: this.thumb,
      bigEndian: false,
      it: 0,
      features: { divide: true, swp: false, virtualization: true, fusedMultiplyAdd: true },
      maxInstructions: 64,
      fetch16: (va) => this.halfword(va) ?? -1,
      endsBefore,
    };
    return translateBlock(request)?.block;
  }

  mayFollow(pc: number): boolean {
    return !this.forbidden.has(pc);
  }

  isEntered(pc: number): boolean {
    return this.entered.has(pc);
  }

  halfword(address: number): number | undefined {
    return this.halfwords[(address - START) >> 1];
  }

  callees(link: number): readonly number[] {
    return this.seen.get(link) ?? [];
  }

  private sizeOf(line: number | Jump): number {
    if (!this.thumb) return 4;
    return typeof line === 'number' ? (line > 0xffff ? 4 : 2) : line.link ? 4 : 2;
  }

  private encode(line: number | Jump): number[] {
    if (typeof line === 'number') {
      if (!this.thumb) return [line & 0xffff, line >>> 16];
      return line > 0xffff ? [line >>> 16, line & 0xffff] : [line];
    }
    const distance = this.at(line.to) - (START + 2 * this.halfwords.length);
    if (this.thumb) return t32Jump(line, distance);
    return a32Jump(line, distance).flatMap((word) => [word & 0xffff, word >>> 16]);
  }
}
