import { cells, type DeviceTreeNode, type PropertyValue, wideCells } from '../boot/device-tree.ts';
import {
  type AddressRange,
  type BoardDescription,
  type CpuModel,
  type DeviceKind,
  type InterruptInput,
  type RowOf,
  TRIGGER_CELLS,
} from './board.ts';

/** What a machine adds to its board's table. */
export interface DeviceTreeConfig {
  readonly cpuModel: CpuModel;
  readonly cpus: number;
  /** In bytes. */
  readonly ramSize: number;
  /** The guest's command line: `bootargs`. */
  readonly append?: string;
  /** Where the initial RAM disk was loaded: first address, and the one behind its last. */
  readonly initrd?: { readonly start: number; readonly end: number };
  /** Randomness for the guest's kernel: 8 bytes for where it places itself, 32 for its random numbers. */
  readonly seeds?: { readonly kaslr: Uint8Array; readonly rng: Uint8Array };
}

/** Functions that make the nodes of some kinds of row. */
export type NodeMakers<K extends DeviceKind> = {
  readonly [Kind in K]: (
    row: RowOf<Kind>,
    context: TreeContext,
  ) => DeviceTreeNode | readonly DeviceTreeNode[];
};

/** Cells that the nodes around have: of an address and a size in `reg`, and of an address below the interrupt controller. */
export interface TreeCells {
  readonly address: number;
  readonly size: number;
  readonly interruptParentAddress: number;
}

/** The board, the configuration, and the cells that every node is made of. */
export class TreeContext {
  readonly board: BoardDescription;
  readonly config: DeviceTreeConfig;
  private readonly makers: NodeMakers<DeviceKind>;
  private readonly cells: TreeCells;

  /** @param treeCells absent: those of the board's own tree */
  constructor(
    board: BoardDescription,
    config: DeviceTreeConfig,
    makers: NodeMakers<DeviceKind>,
    treeCells?: TreeCells,
  ) {
    const { addressCells, sizeCells } = board;
    this.board = board;
    this.config = config;
    this.makers = makers;
    this.cells = treeCells ?? {
      address: addressCells,
      size: sizeCells,
      interruptParentAddress: addressCells,
    };
  }

  /** The nodes of a row: one for most kinds, none for what guests find otherwise. */
  nodesOf<K extends DeviceKind>(row: RowOf<K>): readonly DeviceTreeNode[] {
    // The table has exactly one function for each kind; TypeScript can't relate the two unions by itself.
    const make: (row: RowOf<K>, context: TreeContext) => DeviceTreeNode | readonly DeviceTreeNode[] =
      this.makers[row.kind as K];
    const made = make(row, this);
    return 'name' in made ? [made] : made;
  }

  childrenOf(parent: string): DeviceTreeNode[] {
    return this.board.devices
      .filter((row) => 'parent' in row && row.parent === parent)
      .flatMap((row) => this.nodesOf(row));
  }

  reg(...ranges: readonly AddressRange[]): PropertyValue {
    return cells(...ranges.flatMap((range) => this.regCells(range)));
  }

  private get isGicV3(): boolean {
    return this.board.devices.some(({ kind }) => kind === 'gic-v3');
  }

  address(value: number): number[] {
    return wideCells(value, this.cells.address);
  }

  /** The interrupt controller's place in an `interrupt-map`: its address and the interrupt's own cells. */
  parentInterrupt(input: InterruptInput): number[] {
    return [...wideCells(0, this.cells.interruptParentAddress), ...this.interrupt(input)];
  }

  /** Three cells for each interrupt (Linux binding `arm,gic`); a PPI also names the CPUs that have it. */
  interrupt(input: InterruptInput): number[] {
    const trigger = TRIGGER_CELLS[input.trigger];
    if (input.kind === 'spi') return [0, input.number, trigger];
    // The binding `arm,gic-v3` has no such field: a PPI is there for every CPU.
    const cpus = this.isGicV3 ? 0 : (1 << this.config.cpus) - 1;
    return [1, input.number, (cpus << 8) | trigger];
  }

  interrupts(...inputs: readonly InterruptInput[]): PropertyValue {
    return cells(...inputs.flatMap((input) => this.interrupt(input)));
  }

  private regCells(range: AddressRange): number[] {
    return [...this.address(range.base), ...wideCells(range.size, this.cells.size)];
  }
}
