import type { DiskFile } from '../disk-file.ts';
import { DiskError } from '../disk-file.ts';
import { damaged, type Qcow2Header } from './header.ts';
import type { Refcounts } from './refcounts.ts';
import { type Table, TableCache } from './table-cache.ts';

/** Bits 31:30 of an entry's high word: the cluster is used once only; it is compressed. Bit 0 of the low word: zeroes. */
const COPIED = 0x8000_0000;
const COMPRESSED = 0x4000_0000;
const ZERO = 1;

/** What a cluster of the disk is. */
export type Mapping =
  /** `owned`: nobody else uses it, so that it may be written in place. */
  | { readonly kind: 'data'; readonly offset: number; readonly owned: boolean }
  /** Reads as zeroes; may have a cluster of its own all the same. */
  | { readonly kind: 'zero'; readonly offset: number; readonly owned: boolean }
  | { readonly kind: 'compressed'; readonly offset: number; readonly bytes: number }
  /** What the backing file has. */
  | { readonly kind: 'unallocated' };

const UNALLOCATED: Mapping = { kind: 'unallocated' };

/** From clusters of the disk to clusters of the file: the L1 table and its L2 tables. Written by `writeBack` only. */
export class ClusterMap {
  private readonly file: DiskFile;
  private readonly header: Qcow2Header;
  private readonly refcounts: Refcounts;
  private readonly clusterSize: number;
  private readonly l2Entries: number;
  private readonly tables: TableCache;
  private readonly l1: DataView<ArrayBuffer>;
  private l1Dirty = false;

  private constructor(file: DiskFile, header: Qcow2Header, refcounts: Refcounts, l1: DataView<ArrayBuffer>) {
    this.file = file;
    this.header = header;
    this.refcounts = refcounts;
    this.clusterSize = 2 ** header.clusterBits;
    this.l2Entries = this.clusterSize / 8;
    this.tables = new TableCache(file, this.clusterSize);
    this.l1 = l1;
  }

  static async open(file: DiskFile, header: Qcow2Header, refcounts: Refcounts): Promise<ClusterMap> {
    const bytes = new Uint8Array(header.l1Entries * 8);
    await file.read(header.l1Offset, bytes);
    return new ClusterMap(file, header, refcounts, new DataView(bytes.buffer));
  }

  /** @throws DiskError for an entry that can't be */
  async lookup(cluster: number): Promise<Mapping> {
    const table = await this.tableOf(cluster);
    return table === undefined ? UNALLOCATED : this.decode(table, 8 * (cluster % this.l2Entries));
  }

  /** The cluster of the disk is that one of the file now, which is used once. */
  async setData(cluster: number, offset: number): Promise<void> {
    await this.set(cluster, COPIED + high(offset), offset);
  }

  /** Reads as zeroes from now on. @param offset a cluster that it keeps, or 0 */
  async setZero(cluster: number, offset: number): Promise<void> {
    await this.set(cluster, offset === 0 ? 0 : COPIED + high(offset), offset + ZERO);
  }

  async setUnallocated(cluster: number): Promise<void> {
    await this.set(cluster, 0, 0);
  }

  /** True when much waits to be written. */
  get isFull(): boolean {
    return this.tables.isFull;
  }

  /** Writes what has changed, in an order that is right at every moment. @returns whether there was anything */
  async writeBack(): Promise<boolean> {
    const written = await this.tables.writeBack();
    if (!this.l1Dirty) return written;
    await this.file.sync();
    await this.file.write(this.header.l1Offset, new Uint8Array(this.l1.buffer));
    this.l1Dirty = false;
    return true;
  }

  private async set(cluster: number, highWord: number, lowWord: number): Promise<void> {
    const table = (await this.tableOf(cluster)) ?? (await this.addTable(cluster));
    const at = 8 * (cluster % this.l2Entries);
    table.view.setUint32(at, highWord);
    table.view.setUint32(at + 4, lowWord);
    table.dirty = true;
  }

  private async tableOf(cluster: number): Promise<Table | undefined> {
    const at = 8 * Math.floor(cluster / this.l2Entries);
    const offset = hostOffset(this.l1.getUint32(at), this.l1.getUint32(at + 4));
    if (offset === 0) return undefined;
    if (!this.isCluster(offset)) throw damaged(this.file.path, `entry ${at / 8} of its L1 table`);
    const shared = (this.l1.getUint32(at) & COPIED) === 0 && (await this.refcounts.get(offset)) > 1;
    if (shared && this.file.writable) {
      throw new DiskError(
        `'${this.file.path}' shares tables with a snapshot that is not there any more`,
        `mend it with: qemu-img check -r all '${this.file.path}'`,
      );
    }
    return this.tables.load(offset);
  }

  private async addTable(cluster: number): Promise<Table> {
    const table = this.tables.create(await this.refcounts.allocate());
    const at = 8 * Math.floor(cluster / this.l2Entries);
    this.l1.setUint32(at, COPIED + high(table.offset));
    this.l1.setUint32(at + 4, table.offset);
    this.l1Dirty = true;
    return table;
  }

  private async decode({ view }: Table, at: number): Promise<Mapping> {
    const [highWord, lowWord] = [view.getUint32(at), view.getUint32(at + 4)];
    if ((highWord & COMPRESSED) !== 0) return this.decodeCompressed(highWord, lowWord);
    const offset = hostOffset(highWord, lowWord);
    const isZero = this.header.version >= 3 && (lowWord & ZERO) !== 0;
    if (offset === 0) return isZero ? { kind: 'zero', offset, owned: false } : UNALLOCATED;
    if (!this.isCluster(offset)) throw damaged(this.file.path, 'an entry of an L2 table');
    const owned = (highWord & COPIED) !== 0 || (await this.refcounts.get(offset)) === 1;
    return { kind: isZero ? 'zero' : 'data', offset, owned };
  }

  /** Bits of the offset, above them the number of sectors after the first. */
  private decodeCompressed(highWord: number, lowWord: number): Mapping {
    const offsetBits = 62 - (this.header.clusterBits - 8);
    const offset = (highWord % 2 ** (offsetBits - 32)) * 2 ** 32 + lowWord;
    const sectors = Math.floor((highWord & 0x3fff_ffff) / 2 ** (offsetBits - 32)) + 1;
    if (offset >= this.file.size) throw damaged(this.file.path, 'a compressed cluster behind its end');
    return { kind: 'compressed', offset, bytes: sectors * 512 - (offset % 512) };
  }

  private isCluster(offset: number): boolean {
    return offset % this.clusterSize === 0 && offset < this.file.size + this.clusterSize * this.l2Entries;
  }
}

/** Bits 55:9 of an entry. */
function hostOffset(highWord: number, lowWord: number): number {
  return (highWord & 0x00ff_ffff) * 2 ** 32 + ((lowWord & ~511) >>> 0);
}

function high(offset: number): number {
  return Math.floor(offset / 2 ** 32);
}
