import type { Command } from 'commander';
import type { AddressRange, BoardDescription, DeviceRow, InterruptInput } from '../boards/board.ts';
import { BOARDS } from '../boards/boards.ts';
import { rangeText } from '../errors.ts';
import { sizeText } from '../machine/units.ts';
import type { CommandIo } from './command-io.ts';
import { ExitCode } from './exit-codes.ts';

/** Adds `armemu list`. */
export function addListCommand(program: Command, io: CommandIo, done: (exitCode: number) => void): void {
  program
    .command('list')
    .description('list the machines, with their CPUs, devices, addresses and interrupts')
    .option('--json', 'as JSON')
    .action((flags: { readonly json?: boolean }) => {
      const text = flags.json ? JSON.stringify(BOARDS, undefined, 2) : BOARDS.map(describeBoard).join('\n');
      io.stdout.write(`${text}\n`);
      done(ExitCode.ok);
    });
}

function describeBoard(board: BoardDescription): string {
  const { ram } = board;
  const rows = board.devices.flatMap(describeRow).sort((a, b) => a.base - b.base);
  return [
    `${board.name}: up to ${board.maxCpus} CPUs (${board.cpuModels.map((cpu) => cpu.name).join(', ')})`,
    `  ${rangeText(ram.base, ram.maxSize)}  RAM, ${sizeText(ram.defaultSize)} by default, ${sizeText(ram.maxSize)} at most`,
    ...rows.map(({ base, size, text }) => `  ${rangeText(base, size)}  ${text}`),
    ...(board.withGicV3
      ? [`  (${board.name},gic-version=3 has a GICv3 with an ITS in place of the GICv2)`]
      : []),
    ...(board.withSmmuV2 ? [`  (${board.name},iommu=smmuv2 has an SMMUv2 before its PCI devices)`] : []),
    ...(board.withSmmuV3 ? [`  (${board.name},iommu=smmuv3 has an SMMUv3 there)`] : []),
  ].join('\n');
}

/** Every range of a row, with what is there. */
function describeRow(row: DeviceRow): (AddressRange & { readonly text: string })[] {
  switch (row.kind) {
    case 'gic-v2':
      return [
        { ...row.distributor, text: `${row.name}: GICv2 distributor, ${row.spis} SPIs` },
        { ...row.cpuInterface, text: `${row.name}: GICv2 CPU interface` },
      ];
    case 'gic-v3':
      return [
        { ...row.distributor, text: `${row.name}: GICv3 distributor, ${row.spis} SPIs` },
        { ...row.redistributors, text: `${row.name}: GICv3 redistributors, 128 KiB for each CPU` },
      ];
    case 'gic-v3-its':
      return [{ ...row.range, text: `${row.name}: ITS, MSIs to LPIs` }];
    case 'gic-v2m': {
      const last = row.firstSpi + row.spiCount - 1;
      return [{ ...row.range, text: `${row.name}: GICv2m, MSIs to SPI ${row.firstSpi}-${last}` }];
    }
    case 'pl011':
      return [{ ...row.range, text: `${row.name}: PL011 UART, ${interruptText(row.interrupt)}` }];
    case 'pl031':
      return [{ ...row.range, text: `${row.name}: PL031 real-time clock, ${interruptText(row.interrupt)}` }];
    case 'fw-cfg':
      return [{ ...row.range, text: `${row.name}: firmware configuration` }];
    case 'pl061':
      return [{ ...row.range, text: `${row.name}: PL061 GPIO, ${interruptText(row.interrupt)}` }];
    case 'pl181':
      return [
        {
          ...row.range,
          text: `${row.name}: PL181 with a slot for an SD card, ${interruptsText(row.interrupts)}`,
        },
      ];
    case 'lan9118':
      return [{ ...row.range, text: `${row.name}: LAN9118 Ethernet, ${interruptText(row.interrupt)}` }];
    case 'pl111':
      return [
        { ...row.range, text: `${row.name}: PL111 display controller, ${interruptText(row.interrupt)}` },
      ];
    case 'pl041':
      return [{ ...row.range, text: `${row.name}: PL041 audio, no sound, ${interruptText(row.interrupt)}` }];
    case 'pl050':
      return [
        { ...row.range, text: `${row.name}: PL050 with a ${row.device}, ${interruptText(row.interrupt)}` },
      ];
    case 'smmu-v2': {
      const [first, last] = [row.contextInterrupts[0], row.contextInterrupts.at(-1) as InterruptInput];
      const interrupts = `${interruptText(row.globalInterrupt)}, ${interruptText(first)}-${last.number}`;
      return [{ ...row.range, text: `${row.name}: SMMUv2 before the PCI devices, ${interrupts}` }];
    }
    case 'smmu-v3': {
      const interrupts = Object.values(row.interrupts).map(interruptText).join(', ');
      return [{ ...row.range, text: `${row.name}: SMMUv3 before the PCI devices, ${interrupts}` }];
    }
    case 'virtio-mmio':
      return [{ ...row.range, text: `${row.name}: virtio transport, ${interruptText(row.interrupt)}` }];
    case 'cfi-flash':
      return [
        ...row.banks.map((bank, i) => ({ ...bank, text: `${row.name}: CFI NOR flash, bank ${i}` })),
        ...(row.alias ? [{ ...row.alias, text: `${row.name}: CFI NOR flash, bank 0 again` }] : []),
      ];
    case 'pcie-host':
      return [
        { ...row.ecam, text: `${row.name}: configuration space (ECAM)` },
        { ...row.memoryWindow, text: `${row.name}: window for memory BARs` },
        {
          ...row.ioWindow,
          text: `${row.name}: window for I/O BARs, INTA-INTD ${row.interrupts.map(interruptText).join(', ')}`,
        },
      ];
    case 'sp804':
      return [{ ...row.range, text: `${row.name}: SP804 dual timer, ${interruptText(row.interrupt)}` }];
    case 'sp805':
      return [{ ...row.range, text: `${row.name}: SP805 watchdog, ${interruptText(row.interrupt)}` }];
    case 'vexpress-sysreg':
      return [{ ...row.range, text: `${row.name}: system registers` }];
    case 'a9-scu':
      return [{ ...row.range, text: `${row.name}: Cortex-A9 snoop control unit` }];
    case 'a9-private-timers': {
      const text = `${row.name}: Cortex-A9 timer and watchdog, ${interruptText(row.timer)}, ${interruptText(row.watchdog)}`;
      return [{ ...row.range, text }];
    }
    case 'a9-global-timer':
      return [{ ...row.range, text: `${row.name}: Cortex-A9 global timer, ${interruptText(row.interrupt)}` }];
    case 'l2c-310':
      return [{ ...row.range, text: `${row.name}: L2C-310 cache controller` }];
    case 'static-ram':
      return [{ ...row.range, text: `${row.name}: memory` }];
    case 'holding-pen':
      return [{ ...row.range, text: `${row.name}: boot ROM in which CPUs wait to be started` }];
    case 'vexpress-config-bus':
    case 'vexpress-leds':
    case 'pmu':
    case 'fixed-regulator':
    case 'generic-timer':
    case 'psci':
    case 'fixed-clock':
    case 'gpio-key':
      return [];
  }
}

function interruptsText(inputs: readonly InterruptInput[]): string {
  return inputs.map(interruptText).join(', ');
}

function interruptText(input: InterruptInput): string {
  return `${input.kind.toUpperCase()} ${input.number}`;
}
