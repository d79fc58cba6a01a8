import {
  bytes,
  cells,
  type DeviceTreeNode,
  flag,
  type PropertyValue,
  phandle,
  strings,
  unitAddress,
  wideCells,
} from '../boot/device-tree.ts';
import {
  type AddressRange,
  type BoardDescription,
  type CpuModel,
  type DeviceKind,
  type DeviceRow,
  type InterruptInput,
  type RowOf,
  TRIGGER_CELLS,
} from './board.ts';
import { pcieHostNode } from './pcie-host-node.ts';

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

/** The device tree that describes a board with this configuration to its guest. */
export function deviceTreeOfBoard(board: BoardDescription, config: DeviceTreeConfig): DeviceTreeNode {
  const context = new TreeContext(board, config);
  return {
    name: '',
    properties: {
      'interrupt-parent': cells(phandle(board.interruptController)),
      model: strings(board.model),
      '#size-cells': cells(board.sizeCells),
      '#address-cells': cells(board.addressCells),
      compatible: strings(...board.compatible),
    },
    children: [
      memoryNode(context),
      cpusNode(context),
      ...board.devices
        .filter((row) => !('parent' in row) && row.kind !== 'gpio-key')
        .map((row) => context.nodeOf(row)),
      ...gpioKeysNodes(context),
      chosenNode(context),
    ],
  };
}

/** The board, the configuration, and the cells that every node is made of. */
class TreeContext {
  readonly board: BoardDescription;
  readonly config: DeviceTreeConfig;

  constructor(board: BoardDescription, config: DeviceTreeConfig) {
    this.board = board;
    this.config = config;
  }

  nodeOf<K extends DeviceKind>(row: RowOf<K>): DeviceTreeNode {
    // The table below has exactly one function for each kind; TypeScript can't relate the two unions by itself.
    const make: (row: RowOf<K>, context: TreeContext) => DeviceTreeNode = NODE_MAKERS[row.kind as K];
    return make(row, this);
  }

  childrenOf(parent: string): DeviceTreeNode[] {
    return this.board.devices
      .filter((row) => 'parent' in row && row.parent === parent)
      .map((row) => this.nodeOf(row));
  }

  reg(...ranges: readonly AddressRange[]): PropertyValue {
    return cells(...ranges.flatMap((range) => this.regCells(range)));
  }

  private get isGicV3(): boolean {
    return this.board.devices.some(({ kind }) => kind === 'gic-v3');
  }

  address(value: number): number[] {
    return wideCells(value, this.board.addressCells);
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
    return [...this.address(range.base), ...wideCells(range.size, this.board.sizeCells)];
  }
}

type NodeMakers = { readonly [K in DeviceKind]: (row: RowOf<K>, context: TreeContext) => DeviceTreeNode };

const NODE_MAKERS: NodeMakers = {
  'gic-v2': (row, context) => ({
    name: `intc@${unitAddress(row.distributor.base)}`,
    label: row.name,
    properties: {
      reg: context.reg(row.distributor, row.cpuInterface),
      compatible: strings(row.compatible),
      ranges: flag,
      '#size-cells': cells(context.board.sizeCells),
      '#address-cells': cells(context.board.addressCells),
      'interrupt-controller': flag,
      '#interrupt-cells': cells(3),
    },
    children: context.childrenOf(row.name),
  }),

  'gic-v3': (row, context) => ({
    name: `intc@${unitAddress(row.distributor.base)}`,
    label: row.name,
    properties: {
      reg: context.reg(row.distributor, row.redistributors),
      '#redistributor-regions': cells(1),
      compatible: strings('arm,gic-v3'),
      ranges: flag,
      '#size-cells': cells(context.board.sizeCells),
      '#address-cells': cells(context.board.addressCells),
      'interrupt-controller': flag,
      '#interrupt-cells': cells(3),
    },
    children: context.childrenOf(row.name),
  }),

  'gic-v3-its': (row, context) => ({
    name: `its@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      reg: context.reg(row.range),
      '#msi-cells': cells(1),
      'msi-controller': flag,
      compatible: strings('arm,gic-v3-its'),
    },
    children: [],
  }),

  // MSI_TYPER of the frame tells its SPIs; the binding has properties for frames that can't.
  'gic-v2m': (row, context) => ({
    name: `v2m@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      reg: context.reg(row.range),
      'msi-controller': flag,
      compatible: strings('arm,gic-v2m-frame'),
    },
    children: [],
  }),

  'generic-timer': (row, context) => ({
    name: row.name,
    properties: {
      interrupts: context.interrupts(
        row.interrupts.securePhysical,
        row.interrupts.nonSecurePhysical,
        row.interrupts.virtual,
        row.interrupts.hypervisor,
      ),
      'always-on': flag,
      compatible: strings(row.compatible),
    },
    children: [],
  }),

  // Function IDs of the SMC32 convention (ARM DEN 0022D, 5.1), which readers of the 0.1 binding need.
  psci: (row) => ({
    name: row.name,
    properties: {
      migrate: cells(0x8400_0005),
      cpu_on: cells(0x8400_0003),
      cpu_off: cells(0x8400_0002),
      cpu_suspend: cells(0x8400_0001),
      method: strings(row.conduit),
      compatible: strings('arm,psci-1.0', 'arm,psci-0.2', 'arm,psci'),
    },
    children: [],
  }),

  'fixed-clock': (row) => ({
    name: row.name,
    label: row.name,
    properties: {
      'clock-output-names': strings(row.outputName),
      'clock-frequency': cells(row.frequencyHz),
      '#clock-cells': cells(0),
      compatible: strings('fixed-clock'),
    },
    children: [],
  }),

  pl011: (row, context) => ({
    name: uartNodeName(row),
    properties: {
      'clock-names': strings('uartclk', 'apb_pclk'),
      clocks: cells(phandle(row.clock), phandle(row.clock)),
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('arm,pl011', 'arm,primecell'),
    },
    children: [],
  }),

  pl031: (row, context) => ({
    name: `pl031@${unitAddress(row.range.base)}`,
    properties: {
      'clock-names': strings('apb_pclk'),
      clocks: cells(phandle(row.clock)),
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('arm,pl031', 'arm,primecell'),
    },
    children: [],
  }),

  'fw-cfg': (row, context) => ({
    name: `fw-cfg@${unitAddress(row.range.base)}`,
    properties: {
      'dma-coherent': flag,
      reg: context.reg(row.range),
      compatible: strings('qemu,fw-cfg-mmio'),
    },
    children: [],
  }),

  pl061: (row, context) => ({
    name: `pl061@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      'clock-names': strings('apb_pclk'),
      clocks: cells(phandle(row.clock)),
      interrupts: context.interrupts(row.interrupt),
      'gpio-controller': flag,
      '#gpio-cells': cells(2),
      compatible: strings('arm,pl061', 'arm,primecell'),
      reg: context.reg(row.range),
    },
    children: [],
  }),

  // A child of gpio-keys, which the tree has once.
  'gpio-key': (row) => ({
    name: row.name,
    properties: {
      // Flags 0: pressed is high.
      gpios: cells(phandle(row.gpio), row.line, 0),
      'linux,code': cells(row.code),
      label: strings(row.label),
    },
    children: [],
  }),

  'cfi-flash': (row, context) => ({
    name: `flash@${unitAddress(row.banks[0].base)}`,
    properties: {
      'bank-width': cells(4),
      reg: context.reg(...row.banks),
      compatible: strings('cfi-flash'),
    },
    children: [],
  }),

  'virtio-mmio': (row, context) => ({
    name: `virtio_mmio@${unitAddress(row.range.base)}`,
    properties: {
      'dma-coherent': flag,
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('virtio,mmio'),
    },
    children: [],
  }),

  'smmu-v2': (row, context) => ({
    name: `iommu@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      'dma-coherent': flag,
      '#iommu-cells': cells(1),
      interrupts: context.interrupts(row.globalInterrupt, ...row.contextInterrupts),
      '#global-interrupts': cells(1),
      reg: context.reg(row.range),
      compatible: strings('arm,smmu-v2'),
    },
    children: [],
  }),

  'pcie-host': (row, context) => pcieHostNode(row, context),
};

/** All buttons of the board hang on one node. */
function gpioKeysNodes(context: TreeContext): DeviceTreeNode[] {
  const keys = context.board.devices.filter((row) => row.kind === 'gpio-key');
  if (keys.length === 0) return [];
  return [
    {
      name: 'gpio-keys',
      properties: { compatible: strings('gpio-keys') },
      children: keys.map((row) => context.nodeOf(row)),
    },
  ];
}

function uartNodeName(row: RowOf<'pl011'>): string {
  return `pl011@${unitAddress(row.range.base)}`;
}

function memoryNode(context: TreeContext): DeviceTreeNode {
  const { base } = context.board.ram;
  return {
    name: `memory@${unitAddress(base)}`,
    properties: {
      reg: context.reg({ base, size: context.config.ramSize }),
      device_type: strings('memory'),
    },
    children: [],
  };
}

function cpusNode({ board, config }: TreeContext): DeviceTreeNode {
  const psci = board.devices.some((row) => row.kind === 'psci');
  const numbers = Array.from({ length: config.cpus }, (_, n) => n);
  const cores = numbers.map(
    (n): DeviceTreeNode => ({
      name: `core${n}`,
      properties: { cpu: cells(phandle(`cpu${n}`)) },
      children: [],
    }),
  );
  const cluster: DeviceTreeNode = { name: 'cluster0', properties: {}, children: cores };
  const socket: DeviceTreeNode = { name: 'socket0', properties: {}, children: [cluster] };
  const cpus = numbers.map(
    (n): DeviceTreeNode => ({
      name: `cpu@${unitAddress(n)}`,
      label: `cpu${n}`,
      properties: {
        reg: cells(n),
        // A single CPU is never started by another one.
        ...(psci && config.cpus > 1 ? { 'enable-method': strings('psci') } : {}),
        compatible: strings(config.cpuModel.compatible),
        device_type: strings('cpu'),
      },
      children: [],
    }),
  );
  return {
    name: 'cpus',
    properties: { '#size-cells': cells(0), '#address-cells': cells(1) },
    children: [{ name: 'cpu-map', properties: {}, children: [socket] }, ...cpus],
  };
}

function chosenNode({ board, config }: TreeContext): DeviceTreeNode {
  const isConsole = (row: DeviceRow): row is RowOf<'pl011'> =>
    row.kind === 'pl011' && row.name === board.console;
  const uart = board.devices.find(isConsole);
  return {
    name: 'chosen',
    properties: {
      ...(uart ? { 'stdout-path': strings(`/${uartNodeName(uart)}`) } : {}),
      ...(config.append === undefined ? {} : { bootargs: strings(config.append) }),
      ...(config.initrd
        ? {
            'linux,initrd-start': cells(config.initrd.start),
            'linux,initrd-end': cells(config.initrd.end),
          }
        : {}),
      ...(config.seeds
        ? { 'rng-seed': bytes(config.seeds.rng), 'kaslr-seed': bytes(config.seeds.kaslr) }
        : {}),
    },
    children: [],
  };
}
