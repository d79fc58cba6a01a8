import { cells, type DeviceTreeNode, flag, phandle, strings, unitAddress } from '../../boot/device-tree.ts';
import type { InputOutputRow, PanelTiming } from '../input-output-rows.ts';
import type { NodeMakers } from '../tree-context.ts';

/** What people see, hear, type on and plug in. */
export const INPUT_OUTPUT_NODES: NodeMakers<InputOutputRow['kind']> = {
  pl181: (row, context) => ({
    name: `mmci@${unitAddress(row.range.base)}`,
    properties: {
      'clock-names': strings('mclk', 'apb_pclk'),
      clocks: cells(phandle(row.clock), phandle(row.busClock)),
      ...(row.supply === undefined ? {} : { 'vmmc-supply': cells(phandle(row.supply)) }),
      'max-frequency': cells(row.maxFrequencyHz),
      // Flags 0: the switches' lines are high for a card, and for a protected one.
      ...(row.switches === undefined
        ? {}
        : {
            'wp-gpios': cells(phandle(row.switches), 1, 0),
            'cd-gpios': cells(phandle(row.switches), 0, 0),
          }),
      interrupts: context.interrupts(...row.interrupts),
      reg: context.reg(row.range),
      compatible: strings('arm,pl180', 'arm,primecell'),
    },
    children: [],
  }),

  lan9118: (row, context) => ({
    name: `ethernet@${unitAddress(row.range.base)}`,
    properties: {
      ...(row.supply === undefined
        ? {}
        : {
            'vddvario-supply': cells(phandle(row.supply)),
            'vdd33a-supply': cells(phandle(row.supply)),
          }),
      'smsc,irq-push-pull': flag,
      'smsc,irq-active-high': flag,
      'reg-io-width': cells(4),
      'phy-mode': strings('mii'),
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('smsc,lan9118', 'smsc,lan9115'),
    },
    children: [],
  }),

  pl111: (row, context) => {
    const { panel } = row;
    const controller: DeviceTreeNode = {
      name: `clcd@${unitAddress(row.range.base)}`,
      properties: {
        'clock-names': strings('clcdclk', 'apb_pclk'),
        clocks: cells(phandle(row.clock), phandle(row.busClock)),
        interrupts: context.interrupts(row.interrupt),
        'interrupt-names': strings('combined'),
        reg: context.reg(row.range),
        compatible: strings('arm,pl111', 'arm,primecell'),
      },
      children: panel ? [portNode(`${row.name} out`, `${row.name} panel`, TFT_PADS)] : [],
    };
    return panel ? [controller, panelNode(row.name, panel)] : controller;
  },

  pl050: (row, context) => ({
    name: `kmi@${unitAddress(row.range.base)}`,
    properties: {
      'clock-names': strings('KMIREFCLK', 'apb_pclk'),
      clocks: cells(phandle(row.clock), phandle(row.busClock)),
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('arm,pl050', 'arm,primecell'),
    },
    children: [],
  }),

  pl041: (row, context) => ({
    name: `aaci@${unitAddress(row.range.base)}`,
    properties: {
      'clock-names': strings('apb_pclk'),
      clocks: cells(phandle(row.busClock)),
      interrupts: context.interrupts(row.interrupt),
      reg: context.reg(row.range),
      compatible: strings('arm,pl041', 'arm,primecell'),
    },
    children: [],
  }),
};

/** CLD pads of the lowest bits of red, green and blue. */
const TFT_PADS = { 'arm,pl11x,tft-r0g0b0-pads': cells(0, 8, 16) };

/** One end of a wire (Linux' binding graph). */
function portNode(
  label: string,
  remote: string,
  properties: DeviceTreeNode['properties'] = {},
): DeviceTreeNode {
  const endpoint: DeviceTreeNode = {
    name: 'endpoint',
    label,
    properties: { ...properties, 'remote-endpoint': cells(phandle(remote)) },
    children: [],
  };
  return { name: 'port', properties: {}, children: [endpoint] };
}

function panelNode(controller: string, panel: PanelTiming): DeviceTreeNode {
  const { horizontal, vertical } = panel;
  const timing: DeviceTreeNode = {
    name: 'panel-timing',
    properties: {
      'vsync-len': cells(vertical.sync),
      'vback-porch': cells(vertical.backPorch),
      'vfront-porch': cells(vertical.frontPorch),
      vactive: cells(panel.height),
      'hsync-len': cells(horizontal.sync),
      'hback-porch': cells(horizontal.backPorch),
      'hfront-porch': cells(horizontal.frontPorch),
      hactive: cells(panel.width),
      'clock-frequency': cells(panel.clockHz),
    },
    children: [],
  };
  return {
    name: `panel-${controller}`,
    properties: { compatible: strings('panel-dpi') },
    children: [timing, portNode(`${controller} panel`, `${controller} out`)],
  };
}
