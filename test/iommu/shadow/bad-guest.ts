import { GR0 } from '../../../src/iommu/smmu-v2/registers.ts';
import { SMMU } from '../../../src/iommu/smmu-v3/registers.ts';
import type { HostMappings } from '../../../src/ports/host-mappings.ts';
import type { ShadowStatistics } from '../../../src/ports/shadow-observer.ts';
import { CONFIG } from '../smmu-v3/support.ts';
import { RAM, ShadowRig, STREAM } from './rig.ts';
import { ShadowRigV3, SYNC, TABLES, TLBI_NH_ALL } from './rig-v3.ts';

/** The guest's first table; the second and third have the 2 MiB at {@link IOVA}. Long descriptors in both SMMUs. */
export const [L1, L2, L3] = [TABLES, TABLES + 0x4000, TABLES + 0x5000];
export const IOVA = 0x8000_0000;
/** Attributes of a page, of a block without bit 1, and of a table. */
export const PAGE_RW = 0x743n;
export const PAGE_RO = 0x7c3n;
export const TABLE = 3n;

/** SMMU_CBn_FSR (IHI 0062D 16.5.9), and numbers of events (IHI 0070 7.3). */
const FSR_NAMES: Record<number, string> = { 2: 'TF', 4: 'AFF', 8: 'PF', 16: 'EF', 128: 'ASF' };
const EVENT_NAMES: Record<number, string> = {
  11: 'F_WALK_EABT',
  16: 'F_TRANSLATION',
  17: 'F_ADDR_SIZE',
  18: 'F_ACCESS',
  19: 'F_PERMISSION',
};

/** A guest whose one stream has a real device and an emulated one, behind either SMMU. */
export interface BadGuest<Host extends HostMappings> {
  readonly host: Host;
  readonly warnings: readonly string[];
  readonly statistics: ShadowStatistics;
  /** How often the real device's bus mastering was ended. */
  readonly stops: number;
  /** A CPU's store of a descriptor. */
  double(address: number, value: bigint): void;
  /** The same by a real device, which nobody notices. */
  silently(address: number, value: bigint): void;
  /** DMB or DSB. */
  barrier(): void;
  /** Invalidates, and waits until software sees that it is complete. */
  invalidate(): void;
  /** An access to a real device, or the end of a slice. */
  lookAgain(): void;
  setTable(address: number): void;
  /** Off, the SMMU lets everything through. */
  setEnabled(on: boolean): void;
  /** A word of DMA of the emulated device; false: it was aborted. */
  write(iova: number): boolean;
  /** The fault that was recorded since the last time, by the manual's name. */
  fault(): string | undefined;
}

class GuestOfV2<Host extends HostMappings> implements BadGuest<Host> {
  readonly host: Host;
  stops = 0;
  private readonly rig: ShadowRig;

  constructor(host: Host, mostLooks?: number) {
    this.host = host;
    this.rig = new ShadowRig(undefined, mostLooks);
    this.rig.double(L1 + 8 * (IOVA >>> 30), BigInt(L2) | TABLE);
    this.rig.double(L2, BigInt(L3) | TABLE);
    this.rig.attachLong(L1);
    const stop = (): void => void this.stops++;
    this.rig.shadow.attach({ name: 'device', streamId: STREAM, mappings: host, stop }).setBusMaster(true);
  }

  get warnings(): readonly string[] {
    return this.rig.warnings;
  }

  get statistics(): ShadowStatistics {
    return this.rig.shadow.statistics;
  }

  double(address: number, value: bigint): void {
    this.rig.double(address, value);
  }

  silently(address: number, value: bigint): void {
    this.rig.silently(address, Number(BigInt.asIntN(32, value)));
    this.rig.silently(address + 4, Number(BigInt.asIntN(32, value >> 32n)));
  }

  barrier(): void {
    this.rig.barrier();
  }

  invalidate(): void {
    this.rig.setBank(0, 'TLBIALL', 0);
    this.rig.set(GR0.sTLBGSYNC, 0);
    if (this.rig.get(GR0.sTLBGSTATUS) !== 0) throw new Error('the invalidation is not complete');
  }

  lookAgain(): void {
    this.rig.shadow.synchronizeAll();
  }

  setTable(address: number): void {
    this.rig.setBank(0, 'TTBR0', address);
  }

  setEnabled(on: boolean): void {
    this.rig.set(GR0.sCR0, on ? 0x1c36 : 0x1c37);
  }

  write(iova: number): boolean {
    return this.rig.port().write(iova, new Uint8Array(4));
  }

  fault(): string | undefined {
    // Without FORMAT, which is not a fault.
    const found = this.rig.bank(0, 'FSR') & 0x1fe;
    this.rig.setBank(0, 'FSR', found);
    return found === 0 ? undefined : (FSR_NAMES[found] ?? found.toString(16));
  }
}

class GuestOfV3<Host extends HostMappings> implements BadGuest<Host> {
  private readonly rig: ShadowRigV3<Host>;

  constructor(host: Host, mostLooks?: number) {
    this.rig = new ShadowRigV3(host, mostLooks);
    this.rig.start(CONFIG.STAGE_1);
    this.rig.double(L1 + 8, 0n);
    this.rig.double(L1 + 8 * (IOVA >>> 30), BigInt(L2) | TABLE);
    this.rig.double(L2, BigInt(L3) | TABLE);
    this.invalidate();
  }

  get host(): Host {
    return this.rig.host;
  }

  get warnings(): readonly string[] {
    return this.rig.warnings;
  }

  get statistics(): ShadowStatistics {
    return this.rig.shadow.statistics;
  }

  get stops(): number {
    return this.rig.stops;
  }

  double(address: number, value: bigint): void {
    this.rig.double(address, value);
  }

  silently(address: number, value: bigint): void {
    this.rig.words[(address - RAM) >>> 2] = Number(BigInt.asIntN(32, value));
    this.rig.words[((address - RAM) >>> 2) + 1] = Number(BigInt.asIntN(32, value >> 32n));
  }

  barrier(): void {
    this.rig.barrier();
  }

  invalidate(): void {
    this.rig.commands(TLBI_NH_ALL, SYNC);
  }

  lookAgain(): void {
    this.rig.shadow.synchronizeAll();
  }

  setTable(address: number): void {
    this.rig.setTable(address);
  }

  setEnabled(on: boolean): void {
    this.rig.set(SMMU.CR0, on ? 0xd : 0xc);
  }

  write(iova: number): boolean {
    return this.rig.port().write(iova, new Uint8Array(4));
  }

  fault(): string | undefined {
    const number = this.rig.event();
    return number === undefined ? undefined : (EVENT_NAMES[number] ?? number.toString(16));
  }
}

/** The SMMUs, and what makes a guest behind each. */
export const SMMUS = {
  SMMUv2: <Host extends HostMappings>(host: Host, mostLooks?: number): BadGuest<Host> =>
    new GuestOfV2(host, mostLooks),
  SMMUv3: <Host extends HostMappings>(host: Host, mostLooks?: number): BadGuest<Host> =>
    new GuestOfV3(host, mostLooks),
} as const;

export const SMMU_NAMES = ['SMMUv2', 'SMMUv3'] as const;

/** The name of a fault in each SMMU's manual. */
export type FaultNames = Readonly<Record<(typeof SMMU_NAMES)[number], string>>;
