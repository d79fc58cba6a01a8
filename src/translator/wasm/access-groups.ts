import { splitAddress } from '../ir/address.ts';
import { byOperation, MemFlag } from '../ir/ops.ts';
import type { IrValue } from '../ir/value.ts';
import { wordRunAt } from '../word-runs.ts';

const LOADED = byOperation({ load8: 1, load16: 2, load32: 4, load64: 8 }, 0);
const STORED = byOperation({ store8: 1, store16: 2, store32: 4, store64: 8 }, 0);
/**
 * What may make void what a look has found: a change of the translation, a page that is watched from now on, a flash that no longer reads as
 * memory. A store does the latter two where it reaches a device: no store of a group does, for that would have left the region.
 */
const ENDS_GROUPS = byOperation(
  {
    call: true,
    barrier: true,
    ldex8: true,
    ldex16: true,
    ldex32: true,
    ldex64: true,
    stex8: true,
    stex16: true,
    stex32: true,
    stex64: true,
  },
  false,
);
/** From the first byte of a group to behind its last. The farther they are apart, the more often they are in two pages. */
const LARGEST_SPAN = 256;
const LARGEST_ALIGNMENT = 4;

/** Accesses of a block from the same base: one look at the TLB is enough for all of them, where they are in one page. */
export interface AccessGroup {
  /** From the base to the lowest byte, and to behind the highest one. */
  from: number;
  to: number;
  /** All accesses are multiples of their sizes where this offset from the base is a multiple of the alignment. */
  alignment: number;
  anchor: number;
  isWritten: boolean;
  /** All flags of all accesses. */
  flags: number;
  /** How many there are, and then how many are not yet compiled. */
  count: number;
  /** The local that has the address of the first byte in the machine's memory, after the first access; -1 before. */
  host: number;
}

interface OpenGroup {
  readonly base: IrValue | undefined;
  /** How many skips are around its look. */
  readonly depth: number;
  readonly group: AccessGroup;
}

/** An access by itself. */
function groupOf(value: IrValue, offset: number, size: number, isWritten: boolean): AccessGroup {
  const flags = value.imm;
  const isOfWords = size === 8 && (flags & MemFlag.Aligned) === 0 && flags !== MemFlag.None;
  const alignment = isOfWords ? 4 : size;
  return { from: offset, to: offset + size, alignment, anchor: offset, isWritten, flags, count: 1, host: -1 };
}

function mayBeInGroup({ alignment, flags }: AccessGroup): boolean {
  return alignment <= LARGEST_ALIGNMENT && (flags & MemFlag.Unprivileged) === 0;
}

/** Makes an access one of the group's. @returns false where it can't be. */
function join(group: AccessGroup, access: AccessGroup): boolean {
  const from = Math.min(group.from, access.from);
  const to = Math.max(group.to, access.to);
  const least = Math.min(group.alignment, access.alignment);
  if (to - from > LARGEST_SPAN || ((access.anchor - group.anchor) & (least - 1)) !== 0) return false;
  group.from = from;
  group.to = to;
  if (access.alignment > group.alignment) {
    group.alignment = access.alignment;
    group.anchor = access.anchor;
  }
  group.isWritten ||= access.isWritten;
  group.flags |= access.flags;
  group.count++;
  return true;
}

/**
 * What {@link findAccessGroups} does. Loops by hand, and a function for each kind of operation: with closures V8's optimiser took longer
 * for this than for anything else in a boot, and three times.
 */
class GroupFinder {
  private ops: readonly IrValue[] = [];
  private groups: (AccessGroup | undefined)[] = [];
  private readonly open: OpenGroup[] = [];
  private depth = 0;
  private found = false;

  run(
    ops: readonly IrValue[],
    isSilent: (value: IrValue) => boolean,
  ): readonly (AccessGroup | undefined)[] | undefined {
    this.ops = ops;
    this.groups = [];
    this.open.length = 0;
    this.depth = 0;
    this.found = false;
    for (let at = 0; at < ops.length; at++) {
      const value = ops[at];
      while (this.groups.length <= at) this.groups.push(undefined);
      if (LOADED[value.info.number] + STORED[value.info.number] > 0) at = this.access(value, at, isSilent);
      else this.other(value);
    }
    if (!this.found) return undefined;
    const { groups } = this;
    for (let at = 0; at < groups.length; at++) if (groups[at]?.count === 1) groups[at] = undefined;
    return groups;
  }

  private other(value: IrValue): void {
    if (value.op === 'skipIfZero') {
      this.depth++;
    } else if (value.op === 'label') {
      this.depth--;
      this.closeDeeper();
    } else if (ENDS_GROUPS[value.info.number]) {
      this.open.length = 0;
    }
  }

  /** What is behind a label may have been come to without the look. */
  private closeDeeper(): void {
    const { open, depth } = this;
    let left = 0;
    for (let i = 0; i < open.length; i++) if (open[i].depth <= depth) open[left++] = open[i];
    open.length = left;
  }

  /** @returns the position of the last access of its instruction */
  private access(value: IrValue, at: number, isSilent: (value: IrValue) => boolean): number {
    const { number } = value.info;
    const isStore = STORED[number] > 0;
    const run = wordRunAt(this.ops, at, isSilent);
    const { base, offset } = splitAddress(value.args[0]);
    const access = groupOf(value, offset, LOADED[number] + STORED[number], isStore);
    const isGrouped = run === undefined && mayBeInGroup(access);
    const known = isGrouped ? this.openAt(base) : -1;
    if (known >= 0 && join(this.open[known].group, access)) {
      this.groups[at] = this.open[known].group;
      this.found = true;
      return at;
    }
    if (isStore) this.open.length = 0;
    else if (known >= 0) this.open.splice(known, 1);
    if (isGrouped) {
      this.groups[at] = access;
      this.open.push({ base, depth: this.depth, group: access });
    }
    return run === undefined ? at : run.last;
  }

  /** The open group of a base; -1 where there is none. */
  private openAt(base: IrValue | undefined): number {
    const { open } = this;
    for (let i = 0; i < open.length; i++) if (open[i].base === base) return i;
    return -1;
  }
}

const FINDER = new GroupFinder();

/**
 * Finds the groups of two accesses and more.
 * @param isSilent as in wordRunAt: words of one instruction have a look of their own
 * @returns by position; undefined where there are none
 */
export function findAccessGroups(
  ops: readonly IrValue[],
  isSilent: (value: IrValue) => boolean,
): readonly (AccessGroup | undefined)[] | undefined {
  return FINDER.run(ops, isSilent);
}

/** The first byte of a group, as an offset from its base: a multiple of the alignment where all accesses are multiples of theirs. */
export function startOf({ from, anchor, alignment }: AccessGroup): number {
  return anchor - Math.ceil((anchor - from) / alignment) * alignment;
}
