import { CfiFlash } from '../../devices/cfi-flash.ts';
import { FwCfg } from '../../devices/fw-cfg.ts';
import { GenericTimer } from '../../devices/generic-timer.ts';
import type { DmaPort } from '../../ports/dma.ts';
import type { Requester } from '../../ports/mmio.ts';
import type { Builders } from '../assembly.ts';

/** What belongs to the CPUs, and firmware's memory and configuration. */
export const SYSTEM: Builders<'generic-timer' | 'psci' | 'fixed-clock' | 'cfi-flash' | 'fw-cfg'> = {
  'generic-timer': (row, assembly) => {
    const { clock, cpus } = assembly.parts;
    assembly.timers = cpus.map(
      (_, cpu) =>
        new GenericTimer({
          clock,
          frequency: row.frequencyHz,
          physicalLine: assembly.gic.ppi(cpu, row.interrupts.nonSecurePhysical.number),
          virtualLine: assembly.gic.ppi(cpu, row.interrupts.virtual.number),
        }),
    );
    for (const [cpu, timer] of assembly.timers.entries()) assembly.keep(`${row.name} ${cpu}`, timer);
  },

  psci: (row, assembly) => {
    assembly.psci = row.conduit;
  },

  // The device tree tells of it; nothing answers at an address.
  'fixed-clock': () => {},

  'cfi-flash': (row, assembly) => {
    const { memory, flashFiles = [], log } = assembly.parts;
    for (const [i, bank] of row.banks.entries()) {
      const alias = i === 0 ? row.alias : undefined;
      const reads = memory.directReads(bank.base, bank.size, alias?.base);
      const config = { size: bank.size, blockSize: row.blockSize, reads, file: flashFiles[i] };
      const flash = new CfiFlash(config, log);
      assembly.others.push(flash);
      assembly.keep(`${row.name} ${i}`, flash);
      assembly.map(bank, flash, `${row.name} bank ${i}`);
      if (alias) assembly.map(alias, flash, `${row.name} bank ${i} again`);
    }
  },

  'fw-cfg': (row, assembly) => {
    const { memory, fwCfg, log } = assembly.parts;
    const dma: DmaPort = {
      read: (address, into) => memory.readBytes(address, into, FW_CFG_MASTER),
      write: (address, from) => memory.writeBytes(address, from, FW_CFG_MASTER),
    };
    const device = new FwCfg({ items: fwCfg?.items ?? new Map(), files: fwCfg?.files ?? [], dma }, log);
    assembly.others.push(device);
    assembly.keep(row.name, device);
    assembly.map(row.range, device, row.name);
  },
};

const FW_CFG_MASTER: Requester = { kind: 'stream', cpu: 0, streamId: 0, secure: false, privileged: true };
