import { VirtioMmio } from '../../devices/virtio/virtio-mmio.ts';
import { SmmuV2 } from '../../iommu/smmu-v2/smmu-v2.ts';
import { SmmuV3 } from '../../iommu/smmu-v3/smmu-v3.ts';
import { StreamPort } from '../../iommu/stream.ts';
import { HostBridge } from '../../pci/host-bridge.ts';
import type { IntxLines } from '../../pci/interrupt-router.ts';
import type { Requester } from '../../ports/mmio.ts';
import type { Builders } from '../assembly.ts';
import { interruptId } from '../board.ts';
import { ramOnly, streamsTo } from '../dma-paths.ts';

/** Where devices are plugged in, and what is before them. */
export const BUSES: Builders<'virtio-mmio' | 'smmu-v2' | 'smmu-v3' | 'pcie-host'> = {
  'virtio-mmio': (row, assembly) => {
    const { memory, log, virtio = [] } = assembly.parts;
    const rows = assembly.description.devices.filter((other) => other.kind === 'virtio-mmio');
    const device = virtio[rows.length - 1 - rows.indexOf(row)];
    const dma = new StreamPort(0, streamsTo(memory));
    const interrupt = assembly.spi(row.interrupt);
    const transport = new VirtioMmio({ ...(device && { device }), dma, interrupt }, log);
    assembly.others.push(transport);
    assembly.keep(row.name, transport);
    assembly.map(row.range, transport, row.name);
  },

  'smmu-v2': (row, assembly) => {
    const { memory, log } = assembly.parts;
    const word = new Uint8Array(4);
    const view = new DataView(word.buffer);
    const smmu = new SmmuV2(
      {
        downstream: assembly.translatedTarget(),
        // Tables are in RAM; led to a device's registers, a walk would change things in the midst of a device's own work.
        readTable: (address) =>
          memory.isRam(address) && memory.readBytes(address, word, TABLE_WALK)
            ? view.getUint32(0, true)
            : undefined,
        globalInterrupt: assembly.spi(row.globalInterrupt),
        contextInterrupts: row.contextInterrupts.map((input) => assembly.spi(input)),
      },
      log,
    );
    assembly.smmus.set(row.name, smmu);
    assembly.others.push(smmu);
    assembly.keep(row.name, smmu);
    assembly.map(row.range, smmu.registers, row.name);
  },

  'smmu-v3': (row, assembly) => {
    const { memory, clock, log } = assembly.parts;
    const { eventQueue, commandSync, globalError } = row.interrupts;
    const smmu = new SmmuV3(
      {
        clock,
        downstream: assembly.translatedTarget(),
        memory: ramOnly(memory, TABLE_WALK),
        interrupts: {
          eventQueue: assembly.spi(eventQueue),
          commandSync: assembly.spi(commandSync),
          globalError: assembly.spi(globalError),
        },
      },
      log,
    );
    assembly.smmus.set(row.name, smmu);
    assembly.others.push(smmu);
    assembly.keep(row.name, smmu);
    assembly.map(row.range, smmu.registers, row.name);
  },

  'pcie-host': (row, assembly) => {
    const [a, b, c, d] = row.interrupts;
    const intx: IntxLines = [assembly.spi(a), assembly.spi(b), assembly.spi(c), assembly.spi(d)];
    const bridge = new HostBridge({
      clock: assembly.parts.clock,
      memory: assembly.streamTarget(row),
      memoryWindow: row.memoryWindow,
      ioWindow: { base: 0, size: row.ioWindow.size },
      intx,
      decorator: assembly.parts.decorator,
    });
    row.interrupts.forEach((input, line) => {
      assembly.gic.onEndOfInterrupt(interruptId(input), () => bridge.intxEndOfInterrupt(line));
    });
    assembly.hostBridge = bridge;
    assembly.keep(row.name, bridge);
    assembly.map(row.ecam, bridge.ecam, `${row.name} configuration space`);
    assembly.map(row.memoryWindow, bridge.memoryWindow, `${row.name} memory window`);
    assembly.map(row.ioWindow, bridge.ioWindow, `${row.name} I/O window`);
  },
};

const TABLE_WALK: Requester = { kind: 'stream', cpu: 0, streamId: 0, secure: false, privileged: true };
