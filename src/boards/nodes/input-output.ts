import { cells, flag, phandle, strings, unitAddress } from '../../boot/device-tree.ts';
import type { InputOutputRow } from '../input-output-rows.ts';
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
};
