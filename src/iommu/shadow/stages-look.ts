import type { Stage1Regime, Stage2Regime } from '../../vmsa/regime.ts';
import { walkRegime } from '../../vmsa/regime.ts';
import { AccessKind, FaultKind, permits, type TableRead, WalkResult } from '../../vmsa/walk.ts';
import type { StreamAccess, StreamStages } from '../stream-context.ts';
import { permitted, Translator } from '../translate.ts';
import type { LeafLook } from './leaf-look.ts';
import { type StageShape, stageShape, type TableShape } from './table-shape.ts';

const PAGE = 4096;
/** Layers of steps: those of the one stage, or of stage 1; of the fetches of stage 1's tables by stage 2; of what stage 1 gives. */
const LAYER_OF_FETCHES = 1;
const LAYERS_OF_FETCH = 8;
const LAYER_OF_OUTPUT = 40;

/** Words of tables as they are read, in their order. */
class ReadList {
  readonly addresses = new Float64Array(16);
  count = 0;
  readonly read: TableRead;

  constructor(read: TableRead) {
    this.read = (address) => {
      this.note(address);
      return read(address);
    };
  }

  note(address: number): void {
    if (this.count < this.addresses.length) this.addresses[this.count++] = address;
  }
}

/** Whether a stream's addresses are translated at all: without tables they come out as they went in. */
export function hasTables({ stage1, stage2 }: StreamStages): boolean {
  return [stage1, stage2].some((stage) => stage !== undefined && stage.regime.format !== 'flat');
}

/**
 * Looks at what a stream's tables make of input addresses, one leaf after the other, and which descriptors that depends on. Has
 * no effect on the SMMU: faults are not recorded.
 */
export class StagesLook {
  /**
   * Input addresses that may have a translation, ascending: from the first to before the second. A leaf or a table may reach
   * beyond: what it says there counts for nothing.
   */
  readonly inputs: readonly (readonly [number, number])[];
  private readonly stages: StreamStages;
  private readonly shape1: StageShape | undefined;
  private readonly shape2: StageShape | undefined;
  private readonly memory: TableRead;
  private readonly first = new WalkResult();
  private readonly second = new WalkResult();
  /** Words of the first stage's tables, or of the only stage's. */
  private readonly list: ReadList;
  /** Words of the second stage's tables in a nested walk. */
  private readonly list2: ReadList;
  private readonly fetches: Translator;
  private readonly reads: StreamAccess;
  private readonly writes: StreamAccess;
  /** Of the nested look under way. */
  private address = 0;
  private found: LeafLook | undefined;
  private shape: TableShape | undefined;

  /** @param read what tables are read with: a word at a physical address, undefined where there is none */
  constructor(stages: StreamStages, read: TableRead) {
    this.stages = stages;
    const { stage1, stage2, privileged, instruction } = stages;
    this.shape1 = stage1 && stageShape(stage1.regime);
    this.shape2 = stage2 && stageShape(stage2.regime);
    this.inputs = inputsOf(stage1?.regime, stage2?.regime, this.shape1 ?? this.shape2);
    this.memory = read;
    this.list = new ReadList(read);
    this.list2 = new ReadList(read);
    this.fetches = new Translator(this.list2.read);
    this.reads = { streamId: 0, write: false, instruction, privileged };
    this.writes = { streamId: 0, write: true, instruction: false, privileged };
  }

  /** Finds out about an address of one of the `inputs`. */
  look(address: number, found: LeafLook): void {
    const { stage1, stage2 } = this.stages;
    found.stepCount = 0;
    found.readable = found.writable = false;
    if (this.shape1 !== undefined && stage1 !== undefined && this.shape2 !== undefined) {
      this.lookNested(address, stage1.regime, this.shape1, found);
    } else if (this.shape1 !== undefined && stage1 !== undefined) {
      if (this.walkOne(address, stage1, this.shape1, this.first, found)) this.permit(found, true, false);
    } else if (this.shape2 !== undefined && stage2 !== undefined) {
      if (this.walkOne(address, stage2, this.shape2, this.second, found)) this.permit(found, false, true);
    } else {
      found.start = address;
      found.size = PAGE;
    }
  }

  /** @returns whether there is a leaf; its rights are in `result`. */
  private walkOne(
    address: number,
    stage: { readonly regime: Stage1Regime | Stage2Regime; readonly ignoresAccessFlag: boolean },
    stageShape: StageShape,
    result: WalkResult,
    found: LeafLook,
  ): boolean {
    const { list } = this;
    list.count = 0;
    walkRegime(address, stage.regime, list.read, result);
    const shape = stageShape.shapeAt(address);
    const count = Math.ceil(list.count / (shape.descriptorBytes / 4));
    if (count === 0) {
      found.start = address - (address % stageShape.grain);
      found.size = stageShape.grain;
      return false;
    }
    this.noteSteps(address, shape, count, found);
    const last = found.steps[found.stepCount - 1];
    found.start = last.from;
    found.size = last.span;
    found.physical = result.physical - (address - last.from);
    return isLeaf(result, stage.ignoresAccessFlag);
  }

  /** Writes down what the descriptors in the list decide. */
  private noteSteps(address: number, shape: TableShape, count: number, found: LeafLook): void {
    const words = shape.descriptorBytes / 4;
    for (let i = 0; i < count; i++) {
      const step = found.nextStep();
      placeOf(address, shape, i, step);
      step.at = this.list.addresses[i * words];
      step.bytes = shape.descriptorBytes;
      step.layer = 0;
    }
  }

  private permit(found: LeafLook, by1: boolean, by2: boolean): void {
    const { stage1 } = this.stages;
    const lets = (access: StreamAccess): boolean => {
      if (by1 && stage1 !== undefined && !permitted(this.first.rights, access, stage1)) return false;
      if (!by2) return true;
      const kind = access.write
        ? AccessKind.Write
        : access.instruction
          ? AccessKind.Execute
          : AccessKind.Read;
      return permits(this.second.rights, kind, access.privileged);
    };
    found.readable = lets(this.reads);
    found.writable = lets(this.writes);
  }

  private lookNested(address: number, regime: Stage1Regime, stageShape: StageShape, found: LeafLook): void {
    const { list, first } = this;
    const shape = stageShape.shapeAt(address);
    this.address = address;
    this.found = found;
    this.shape = shape;
    list.count = 0;
    walkRegime(address, regime, this.readNested, first);
    const count = Math.ceil(list.count / (shape.descriptorBytes / 4));
    if (count === 0) {
      found.start = address - (address % stageShape.grain);
      found.size = stageShape.grain;
      return;
    }
    this.noteSteps(address, shape, count, found);
    const last = found.steps[found.stepCount - 1];
    found.start = last.from;
    found.size = last.span;
    if (isLeaf(first, this.stages.stage1?.ignoresAccessFlag === true)) this.lookAtOutput(address, found);
  }

  /** Reads a word of stage 1's tables, whose address stage 2 translates. */
  private readonly readNested: TableRead = (ipa) => {
    const { list, list2, shape, found } = this;
    const { stage2 } = this.stages;
    if (shape === undefined || found === undefined || stage2 === undefined) return undefined;
    if (list.count % (shape.descriptorBytes / 4) !== 0) {
      // The second word of a descriptor.
      const at = list.addresses[list.count - 1] + 4;
      list.note(at);
      return this.memory(at);
    }
    list2.count = 0;
    const physical = this.fetches.translateFetch(ipa, stage2);
    const level = list.count / (shape.descriptorBytes / 4);
    list.note(physical ?? Number.NaN);
    // Stage 2's descriptors decide all that the page of the table decides.
    const place = { index: 0, entries: 0, from: 0, span: 0 };
    placeOf(this.address, shape, level, place);
    const before = Math.min(place.index, Math.floor((ipa % PAGE) / shape.descriptorBytes));
    const behind = Math.min(place.entries - place.index, (PAGE - (ipa % PAGE)) / shape.descriptorBytes);
    for (let i = 0; i < Math.ceil(list2.count / 2); i++) {
      const step = found.nextStep();
      step.at = list2.addresses[2 * i];
      step.bytes = 8;
      step.index = 0;
      step.entries = 1;
      step.from = place.from - before * place.span;
      step.span = (before + behind) * place.span;
      step.layer = LAYER_OF_FETCHES + LAYERS_OF_FETCH * level + i;
    }
    return physical === undefined ? undefined : this.memory(physical);
  };

  /** The way through stage 2 of what a leaf of stage 1, which `found` has, gives. */
  private lookAtOutput(address: number, found: LeafLook): void {
    const { first, second, list2, shape2 } = this;
    const { stage2 } = this.stages;
    if (shape2 === undefined || stage2 === undefined) return;
    const { start, size } = found;
    const ipa = first.physical;
    const ipaOfStart = ipa - (address - start);
    list2.count = 0;
    walkRegime(ipa, stage2.regime, list2.read, second);
    const shape = shape2.shapeAt(ipa);
    const count = Math.ceil(list2.count / 2);
    const place = { index: 0, entries: 0, from: 0, span: 0 };
    for (let i = 0; i < count; i++) {
      placeOf(ipa, shape, i, place);
      const step = found.nextStep();
      step.at = list2.addresses[2 * i];
      step.bytes = 8;
      step.layer = LAYER_OF_OUTPUT + i;
      if (place.span >= size) {
        step.index = 0;
        step.entries = 1;
        step.from = start;
        step.span = size;
      } else {
        // Of the table only what is in the leaf of stage 1.
        const firstIndex = Math.max(0, place.index - (place.from - ipaOfStart) / place.span);
        step.index = place.index - firstIndex;
        step.entries = Math.min(place.entries - firstIndex, size / place.span);
        step.from = start + (place.from - ipaOfStart);
        step.span = place.span;
      }
    }
    if (count === 0) {
      // Beyond what stage 2 translates.
      const end = 2 ** shape.inputBits;
      if (ipa < end || ipaOfStart >= end) return;
      found.start = start + (end - ipaOfStart);
      found.size = size - (end - ipaOfStart);
      return;
    }
    if (place.span < size) {
      found.start = start + (place.from - ipaOfStart);
      found.size = place.span;
    }
    found.physical = second.physical - (address - found.start);
    if (isLeaf(second, stage2.ignoresAccessFlag)) this.permit(found, true, true);
  }
}

function isLeaf({ fault }: WalkResult, ignoresAccessFlag: boolean): boolean {
  return fault === FaultKind.None || (fault === FaultKind.AccessFlag && ignoresAccessFlag);
}

/** Where the descriptor that decides an address is in its table, and what it decides. @param depth 0 for the first table */
function placeOf(
  address: number,
  shape: TableShape,
  depth: number,
  place: { index: number; entries: number; from: number; span: number },
): void {
  const bits = shape.spanBits(shape.firstLevel + depth);
  const number = Math.floor((address - shape.base) / 2 ** bits);
  place.span = 2 ** bits;
  place.entries = 2 ** (depth === 0 ? Math.max(0, shape.inputBits - bits) : shape.entryBits);
  place.index = number % place.entries;
  place.from = shape.base + number * place.span;
}

function inputsOf(
  regime1: Stage1Regime | undefined,
  regime2: Stage2Regime | undefined,
  shape: StageShape | undefined,
): readonly (readonly [number, number])[] {
  if (shape === undefined || regime2?.format === 'invalid') return [];
  if (regime1?.format !== 'flat') return shape.inputs;
  const end = 2 ** regime1.inputBits;
  return shape.inputs.filter(([from]) => from < end).map(([from, to]) => [from, Math.min(to, end)]);
}
