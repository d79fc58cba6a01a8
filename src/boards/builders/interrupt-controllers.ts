import { GicV2 } from '../../devices/gic-v2.ts';
import { GicV2m } from '../../devices/gic-v2m.ts';
import { GicV3, REDISTRIBUTOR_SIZE } from '../../devices/gic-v3.ts';
import type { Requester } from '../../ports/mmio.ts';
import type { BoardParts, Builders } from '../assembly.ts';
import { type BoardDescription, interruptId } from '../board.ts';
import { ramOnly } from '../dma-paths.ts';

/** The GIC that every interrupt of the table goes to. */
export function makeGic(description: BoardDescription, { cpus, memory, log }: BoardParts): GicV2 | GicV3 {
  for (const row of description.devices) {
    if (row.name !== description.interruptController) continue;
    if (row.kind === 'gic-v2') return new GicV2({ interruptCount: 32 + row.spis, cpus }, log);
    if (row.kind !== 'gic-v3') continue;
    const requester: Requester = { kind: 'stream', cpu: 0, streamId: 0, secure: false, privileged: true };
    return new GicV3({ interruptCount: 32 + row.spis, cpus, memory: ramOnly(memory, requester) }, log);
  }
  throw new RangeError(
    `the table of ${description.name} has no GIC called '${description.interruptController}'`,
  );
}

/** GICs and what sends messages to them. */
export const INTERRUPT_CONTROLLERS: Builders<'gic-v2' | 'gic-v3' | 'gic-v3-its' | 'gic-v2m'> = {
  'gic-v2': (row, assembly) => {
    assembly.map(row.distributor, assembly.gic.distributor, `${row.name} distributor`);
    if (assembly.gic instanceof GicV2) {
      assembly.map(row.cpuInterface, assembly.gic.cpuInterface, `${row.name} CPU interface`);
    }
  },

  'gic-v3': (row, assembly) => {
    const { gic } = assembly;
    if (!(gic instanceof GicV3)) return;
    const size = assembly.parts.cpus.length * REDISTRIBUTOR_SIZE;
    assembly.map(row.distributor, gic.distributor, `${row.name} distributor`);
    assembly.map({ base: row.redistributors.base, size }, gic.redistributors, `${row.name} redistributors`);
  },

  'gic-v3-its': (row, assembly) => {
    if (assembly.gic instanceof GicV3) assembly.map(row.range, assembly.gic.its, row.name);
  },

  'gic-v2m': (row, assembly) => {
    const lines = Array.from({ length: row.spiCount }, (_, i) => assembly.gic.spi(row.firstSpi + i));
    const baseIntid = interruptId({ kind: 'spi', number: row.firstSpi, trigger: 'edge-rising' });
    assembly.map(row.range, new GicV2m({ baseIntid, lines }, assembly.parts.log), row.name);
  },
};
