import type { Board } from '../boards/assemble-board.ts';
import type { BoardDescription } from '../boards/board.ts';
import { Shadow, type ShadowAttachment } from '../iommu/shadow/shadow.ts';
import { type MachineMemory, MemoryLayout } from '../memory/machine-memory.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import { type HostAttachedEndpoint, hostPendingWordCount } from '../pci/host-device.ts';
import type { ShadowObserver, ShadowStatistics } from '../ports/shadow-observer.ts';
import { PlacedBars } from './placed-bars.ts';

/** What devices of the host need of their machine. */
export interface HostEndpointParts {
  readonly memory: MachineMemory;
  readonly physical: PhysicalMemory;
  readonly board: Board;
  readonly observer: ShadowObserver | undefined;
  /** A saved machine's state will be put back: until then nothing is mapped for devices behind an SMMU. */
  readonly restoring: boolean;
  wake(): void;
  warn(message: string): void;
}

/** The devices of the host on a machine's bus, and the shadow of the SMMU before them where the board has one. */
export class HostEndpoints {
  readonly list: HostAttachedEndpoint[] = [];
  private readonly parts: HostEndpointParts;
  private shadow: Shadow | undefined;
  /** What is left to do once a saved machine's state was put back; undefined since. */
  private whenRestored: (() => void)[] | undefined;

  constructor(parts: HostEndpointParts) {
    this.parts = parts;
    if (parts.restoring) this.whenRestored = [];
  }

  /** What the shadow has done; undefined without an SMMU, or without a real device behind it. */
  get statistics(): ShadowStatistics | undefined {
    return this.shadow?.statistics;
  }

  /**
   * Takes a device of the host and plugs it in.
   * @throws PassthroughError for a device that can't be taken
   */
  async plug(endpoint: HostAttachedEndpoint): Promise<void> {
    const { memory, physical, board, wake, warn } = this.parts;
    const index = this.list.length;
    this.list.push(endpoint);
    physical.watches.bypassed = true;
    const shadow = this.shadowFor();
    let attachment: ShadowAttachment | undefined;
    await endpoint.prepare({
      memory: memory.wasm,
      ramOffset: MemoryLayout.ram,
      ramBase: physical.ramBase,
      ramSize: physical.ramSize,
      mmioWindow: memoryWindowOf(board.description),
      eventWordOffset: MemoryLayout.eventWord,
      sleepingWordOffset: MemoryLayout.sleepingWord,
      pendingWordsOffset: MemoryLayout.pendingWords + index * hostPendingWordCount * 4,
      pendingWordCount: hostPendingWordCount,
      ...(shadow && {
        behindIommu: true,
        beforeAccess: () => shadow.synchronizeAll(),
        busMasterChanged: (on: boolean) => attachment?.setBusMaster(on),
        barsChanged: () => shadow.barsChanged(),
      }),
      wake,
      warn,
      deviceLost: (_reason, message) => {
        attachment?.detach();
        warn(message);
      },
    });
    board.hostBridge.plug(endpoint);
    const { hostDma, name } = endpoint;
    const fn = board.hostBridge.listFunctions().find((other) => other.endpoint === endpoint);
    if (shadow === undefined || hostDma === undefined || fn === undefined) return;
    const { mappings } = hostDma;
    const attach = (): void => {
      attachment = shadow.attach({ name, streamId: fn.bdf, mappings, stop: () => hostDma.stop() });
    };
    if (this.whenRestored === undefined) attach();
    else this.whenRestored.push(attach);
  }

  /** Delivers what native threads have reported. */
  service(): void {
    for (const endpoint of this.list) endpoint.service();
  }

  /** A barrier waits until devices see what the tables were before it. */
  synchronizeTables(): void {
    this.shadow?.synchronize();
  }

  /** A slice of guest time is over. */
  sliceEnded(): void {
    this.shadow?.synchronizeAll();
  }

  /** A saved machine's state was put back. */
  restored(): void {
    const { whenRestored = [] } = this;
    this.whenRestored = undefined;
    for (const step of whenRestored) step();
  }

  private shadowFor(): Shadow | undefined {
    const { memory, physical, board, observer, warn } = this.parts;
    if (board.iommu === undefined || this.shadow !== undefined) return this.shadow;
    const { ramBase, ramSize, watches } = physical;
    const dirty = MemoryLayout.dirtyTablesWord >>> 2;
    const words = memory.words.subarray(MemoryLayout.ram >>> 2, (MemoryLayout.ram + ramSize) >>> 2);
    const dirtyWord = {
      set: (isDirty: boolean) => {
        memory.words[dirty] = isDirty ? 1 : 0;
      },
    };
    const bars = new PlacedBars(memoryWindowOf(board.description), board.hostBridge, this.list);
    const shadow = new Shadow(
      board.iommu,
      { ramBase, ramSize, words, watches, dirtyWord, bars },
      { observer, warn },
    );
    board.hostBridge.whenDecodingChanged(() => shadow.barsChanged());
    this.shadow = shadow;
    return shadow;
  }
}

function memoryWindowOf({ name, devices }: BoardDescription): {
  readonly base: number;
  readonly size: number;
} {
  for (const row of devices) if (row.kind === 'pcie-host') return row.memoryWindow;
  throw new RangeError(`the table of ${name} has no PCIe host bridge`);
}
