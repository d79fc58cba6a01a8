import { cells, flag, strings, unitAddress } from '../../boot/device-tree.ts';
import type { NodeMakers } from '../tree-context.ts';

/** What belongs to the CPUs, and firmware's memory and configuration. */
export const SYSTEM_NODES: NodeMakers<'generic-timer' | 'psci' | 'fixed-clock' | 'cfi-flash' | 'fw-cfg'> = {
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

  'cfi-flash': (row, context) => ({
    name: `flash@${unitAddress(row.banks[0].base)}`,
    properties: {
      'bank-width': cells(4),
      reg: context.reg(...row.banks),
      compatible: strings('cfi-flash'),
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
};
