import {
  cells,
  type DeviceTreeNode,
  flag,
  type PropertyValue,
  phandle,
  strings,
  unitAddress,
} from '../../boot/device-tree.ts';
import { CONFIG_FUNCTIONS } from '../../devices/vexpress-sysreg.ts';
import type { RowOf } from '../board.ts';
import type { NodeMakers } from '../tree-context.ts';
import type { ConfigEntry, VexpressRow } from '../vexpress-rows.ts';

/** HBI number of the motherboard V2M-P1 (Linux' binding arm,vexpress). */
const MOTHERBOARD_HBI = 0x190;

/** Devices of the Versatile Express boards. */
export const VEXPRESS_NODES: NodeMakers<VexpressRow['kind']> = {
  sp804: (row, context) => ({
    name: `timer@${unitAddress(row.range.base)}`,
    properties: {
      'clock-names': strings('timclken1', 'timclken2', 'apb_pclk'),
      clocks: cells(phandle(row.clock), phandle(row.clock), phandle(row.busClock)),
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('arm,sp804', 'arm,primecell'),
    },
    children: [],
  }),

  sp805: (row, context) => ({
    name: `watchdog@${unitAddress(row.range.base)}`,
    properties: {
      'clock-names': strings('wdog_clk', 'apb_pclk'),
      clocks: cells(phandle(row.clock), phandle(row.busClock)),
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('arm,sp805', 'arm,primecell'),
    },
    children: [],
  }),

  'vexpress-sysreg': (row, context) => ({
    name: `sysreg@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      ranges: cells(0, ...context.address(row.range.base), row.range.size),
      '#size-cells': cells(1),
      '#address-cells': cells(1),
      'arm,vexpress,site': cells(0),
      'arm,hbi': cells(MOTHERBOARD_HBI),
      reg: context.reg(row.range),
      compatible: strings('arm,vexpress-sysreg'),
    },
    children: [
      gpioNode(row.name, 'sys_led', 0x08),
      gpioNode(row.name, 'sys_mci', 0x48),
      gpioNode(row.name, 'sys_flash', 0x4c),
    ],
  }),

  'vexpress-config-bus': (row) => ({
    name: row.name,
    properties: {
      'arm,vexpress,config-bridge': cells(phandle(row.bridge)),
      'arm,vexpress,site': cells(row.site),
      compatible: strings('arm,vexpress,config-bus'),
    },
    children: row.entries.map((entry) => configNode(row, entry)),
  }),

  'vexpress-leds': (row) => ({
    name: 'leds',
    properties: { compatible: strings('gpio-leds') },
    children: row.triggers.map((trigger, n) => ({
      name: `user${n + 1}`,
      properties: {
        'linux,default-trigger': strings(trigger),
        gpios: cells(phandle(`${row.sysreg} sys_led`), n, 0),
        label: strings(`v2m:green:user${n + 1}`),
      },
      children: [],
    })),
  }),

  'a9-scu': (row, context) => ({
    name: `scu@${unitAddress(row.range.base)}`,
    properties: { reg: context.reg(row.range), compatible: strings('arm,cortex-a9-scu') },
    children: [],
  }),

  'a9-private-timers': (row, context) => [
    {
      name: `timer@${unitAddress(row.range.base)}`,
      properties: {
        // Where Linux does not find its rate, it measures it against a host that may be busy.
        clocks: cells(phandle(row.clock)),
        interrupts: context.interrupts(row.timer),
        reg: context.reg({ base: row.range.base, size: 0x20 }),
        compatible: strings('arm,cortex-a9-twd-timer'),
      },
      children: [],
    },
    {
      name: `watchdog@${unitAddress(row.range.base + 0x20)}`,
      properties: {
        clocks: cells(phandle(row.clock)),
        interrupts: context.interrupts(row.watchdog),
        reg: context.reg({ base: row.range.base + 0x20, size: 0x20 }),
        compatible: strings('arm,cortex-a9-twd-wdt'),
      },
      children: [],
    },
  ],

  // The boards' own trees have none: guests would take it for their clock in place of the motherboard's.
  'a9-global-timer': () => [],

  'l2c-310': (row, context) => ({
    name: `cache-controller@${unitAddress(row.range.base)}`,
    label: row.name,
    properties: {
      'arm,tag-latency': cells(1, 1, 1),
      'arm,data-latency': cells(1, 1, 1),
      'cache-level': cells(2),
      'cache-unified': flag,
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('arm,pl310-cache'),
    },
    children: [],
  }),

  pmu: (row, context) => {
    const cpus = row.interrupts.slice(0, context.config.cpus);
    return {
      name: row.name,
      properties: {
        'interrupt-affinity': cells(...cpus.map((_, n) => phandle(`cpu${n}`))),
        interrupts: context.interrupts(...cpus),
        compatible: strings(row.compatible),
      },
      children: [],
    };
  },

  'fixed-regulator': (row) => ({
    name: row.name,
    label: row.name,
    properties: {
      'regulator-always-on': flag,
      'regulator-max-microvolt': cells(row.microvolts),
      'regulator-min-microvolt': cells(row.microvolts),
      'regulator-name': strings(row.label),
      compatible: strings('regulator-fixed'),
    },
    children: [],
  }),

  'static-ram': (row, context) =>
    row.compatible === undefined
      ? []
      : {
          name: `${row.name}@${unitAddress(row.range.base)}`,
          properties: {
            'bank-width': cells(4),
            reg: context.reg(row.range),
            compatible: strings(...row.compatible),
          },
          children: [],
        },

  // Guests start CPUs by the system registers and need not know where these wait.
  'holding-pen': () => [],
};

/** A register of the board as lines of a GPIO. */
function gpioNode(sysreg: string, name: string, offset: number): DeviceTreeNode {
  return {
    name: `gpio@${unitAddress(offset)}`,
    label: `${sysreg} ${name}`,
    properties: {
      '#gpio-cells': cells(2),
      'gpio-controller': flag,
      reg: cells(offset, 4),
      compatible: strings(`arm,vexpress-sysreg,${name}`),
    },
    children: [],
  };
}

function configNode(bus: RowOf<'vexpress-config-bus'>, entry: ConfigEntry): DeviceTreeNode {
  return {
    name: entry.name,
    label: `${bus.name} ${entry.name}`,
    properties: {
      ...(entry.label === undefined ? {} : { label: strings(entry.label) }),
      ...kindProperties(bus, entry),
      'arm,vexpress-sysreg,func': cells(CONFIG_FUNCTIONS[entry.function], entry.device),
      compatible: strings(`arm,vexpress-${entry.function}`),
    },
    children: [],
  };
}

function kindProperties(
  { site }: RowOf<'vexpress-config-bus'>,
  { function: kind, name, label, frequencies }: ConfigEntry,
): Record<string, PropertyValue> {
  if (kind === 'osc') {
    return {
      // The daughterboard has oscillators of the same names.
      'clock-output-names': strings(site === 0 ? `v2m:${name}` : name),
      '#clock-cells': cells(0),
      ...(frequencies === undefined ? {} : { 'freq-range': cells(...frequencies) }),
    };
  }
  return kind === 'volt' ? { 'regulator-always-on': flag, 'regulator-name': strings(label ?? name) } : {};
}
