import { DiskError, type DiskFile } from '../disk-file.ts';
import { damaged, HeaderField, MAX_REFCOUNT_TABLE_BYTES, type Qcow2Header } from './header.ts';
import { type Table, TableCache } from './table-cache.ts';

/**
 * Which clusters of an image are used: a table of blocks, each with the refcounts of a range of clusters. Nothing is written
 * to the file before `writeBack`, so that the file's own refcounts are never too small.
 */
export class Refcounts {
  private readonly file: DiskFile;
  private readonly header: Qcow2Header;
  private readonly clusterSize: number;
  private readonly perBlock: number;
  private readonly blocks: TableCache;
  private table: Float64Array<ArrayBuffer>;
  private tableOffset: number;
  private tableDirty = false;
  /** The table has moved; the header and the old place follow at the next `writeBack`. */
  private movedFrom: { readonly offset: number; readonly clusters: number } | undefined;
  /** No cluster below is free. */
  private firstFree = 0;

  private constructor(file: DiskFile, header: Qcow2Header, table: Float64Array<ArrayBuffer>) {
    this.file = file;
    this.header = header;
    this.clusterSize = 2 ** header.clusterBits;
    this.perBlock = (this.clusterSize * 8) >> header.refcountOrder;
    this.blocks = new TableCache(file, this.clusterSize);
    this.table = table;
    this.tableOffset = header.refcountTableOffset;
  }

  /** @throws DiskError for a table that can't be */
  static async open(file: DiskFile, header: Qcow2Header): Promise<Refcounts> {
    const clusterSize = 2 ** header.clusterBits;
    const bytes = new Uint8Array(header.refcountTableClusters * clusterSize);
    await file.read(header.refcountTableOffset, bytes);
    const view = new DataView(bytes.buffer);
    const table = new Float64Array(bytes.length / 8);
    for (let i = 0; i < table.length; i++) {
      table[i] = view.getUint32(8 * i) * 2 ** 32 + view.getUint32(8 * i + 4);
      if (table[i] % clusterSize !== 0 || table[i] >= file.size) {
        throw damaged(file.path, `entry ${i} of its refcount table`);
      }
    }
    return new Refcounts(file, header, table);
  }

  /** @param offset of a cluster in the file */
  async get(offset: number): Promise<number> {
    const cluster = offset / this.clusterSize;
    const block = await this.blockOf(cluster);
    return block === undefined ? 0 : this.count(block, cluster % this.perBlock);
  }

  /** Takes a free cluster. @returns its offset in the file */
  async allocate(): Promise<number> {
    for (let cluster = this.firstFree; ; ) {
      const block = (await this.blockOf(cluster)) ?? (await this.addBlock(cluster));
      const end = (Math.floor(cluster / this.perBlock) + 1) * this.perBlock;
      for (; cluster < end; cluster++) {
        if (this.count(block, cluster % this.perBlock) !== 0) continue;
        this.setCount(block, cluster % this.perBlock, 1);
        this.firstFree = cluster + 1;
        return cluster * this.clusterSize;
      }
    }
  }

  /** Gives back one use of a cluster. Only when nothing in the file refers to it any more. */
  async release(offset: number): Promise<void> {
    const cluster = Math.floor(offset / this.clusterSize);
    const block = await this.blockOf(cluster);
    const count = block === undefined ? 0 : this.count(block, cluster % this.perBlock);
    if (block === undefined || count === 0) return;
    this.setCount(block, cluster % this.perBlock, count - 1);
    if (count === 1) this.firstFree = Math.min(this.firstFree, cluster);
  }

  /** True when much waits to be written. */
  get isFull(): boolean {
    return this.blocks.isFull;
  }

  /** Writes what has changed and waits until it is safe. @returns whether there was anything */
  async writeBack(): Promise<boolean> {
    const blocksWritten = await this.blocks.writeBack();
    if (!blocksWritten && !this.tableDirty) return false;
    if (this.tableDirty) {
      const bytes = new Uint8Array(this.table.length * 8);
      const view = new DataView(bytes.buffer);
      this.table.forEach((offset, i) => {
        view.setUint32(8 * i, Math.floor(offset / 2 ** 32));
        view.setUint32(8 * i + 4, offset);
      });
      // A table that points to a block must not be there before it.
      await this.file.sync();
      await this.file.write(this.tableOffset, bytes);
      this.tableDirty = false;
    }
    await this.file.sync();
    if (this.movedFrom !== undefined) await this.finishMove(this.movedFrom);
    return true;
  }

  private async finishMove({ offset, clusters }: { offset: number; clusters: number }): Promise<void> {
    const place = new Uint8Array(12);
    const view = new DataView(place.buffer);
    view.setUint32(0, Math.floor(this.tableOffset / 2 ** 32));
    view.setUint32(4, this.tableOffset);
    view.setUint32(8, (this.table.length * 8) / this.clusterSize);
    await this.file.write(HeaderField.refcountTable, place);
    await this.file.sync();
    this.movedFrom = undefined;
    for (let i = 0; i < clusters; i++) await this.release(offset + i * this.clusterSize);
  }

  private async blockOf(cluster: number): Promise<Table | undefined> {
    const offset = this.table[Math.floor(cluster / this.perBlock)] ?? 0;
    return offset === 0 ? undefined : await this.blocks.load(offset);
  }

  /** A block for a range without one: no cluster in it is used, so the block takes the first of them for itself. */
  private async addBlock(cluster: number): Promise<Table> {
    const range = Math.floor(cluster / this.perBlock);
    if (range >= this.table.length) {
      this.growTable();
      const block = await this.blockOf(cluster);
      if (block !== undefined) return block;
    }
    const block = this.blocks.create(cluster * this.clusterSize);
    this.setCount(block, cluster % this.perBlock, 1);
    this.table[range] = block.offset;
    this.tableDirty = true;
    return block;
  }

  /**
   * A larger table behind all clusters that the old one covers: first the blocks for the new ones' own range, then the
   * table. Nothing there can be in use.
   */
  private growTable(): void {
    const { clusterSize, perBlock } = this;
    const covered = this.table.length;
    const clustersFor = (entries: number) => Math.ceil((entries * 8) / clusterSize);
    let blocks = 1;
    let tableClusters = clustersFor(Math.ceil(covered * 1.5) + blocks);
    while (blocks * perBlock < blocks + tableClusters) blocks++;
    tableClusters = Math.max(tableClusters, clustersFor(covered + blocks));
    if (tableClusters * clusterSize > MAX_REFCOUNT_TABLE_BYTES) {
      throw new DiskError(
        `the qcow2 image '${this.file.path}' can't grow any more`,
        `make one with larger clusters: qemu-img convert -O qcow2 -o cluster_size=64k '${this.file.path}' NEW`,
      );
    }
    const old = { offset: this.tableOffset, clusters: (covered * 8) / clusterSize };
    // The file knows the first of several moves' old places only.
    if (this.movedFrom !== undefined) this.mark(old.offset / clusterSize, old.clusters, 0);
    this.movedFrom ??= old;
    const first = covered * perBlock;
    const table = new Float64Array((tableClusters * clusterSize) / 8);
    table.set(this.table);
    for (let i = 0; i < blocks; i++)
      table[covered + i] = this.blocks.create((first + i) * clusterSize).offset;
    this.table = table;
    this.tableOffset = (first + blocks) * clusterSize;
    this.tableDirty = true;
    this.mark(first, blocks + tableClusters, 1);
  }

  /** Sets the refcounts of clusters whose blocks are new. */
  private mark(first: number, clusters: number, count: number): void {
    for (let cluster = first; cluster < first + clusters; cluster++) {
      const block = this.blocks.created(this.table[Math.floor(cluster / this.perBlock)]);
      this.setCount(block, cluster % this.perBlock, count);
    }
  }

  private count({ view }: Table, i: number): number {
    switch (this.header.refcountOrder) {
      case 3:
        return view.getUint8(i);
      case 4:
        return view.getUint16(2 * i);
      case 5:
        return view.getUint32(4 * i);
      case 6:
        return view.getUint32(8 * i) * 2 ** 32 + view.getUint32(8 * i + 4);
      default: {
        const { shift, mask, byte } = this.narrow(i);
        return (view.getUint8(byte) >> shift) & mask;
      }
    }
  }

  private setCount(block: Table, i: number, count: number): void {
    const { view } = block;
    block.dirty = true;
    switch (this.header.refcountOrder) {
      case 3:
        view.setUint8(i, count);
        return;
      case 4:
        view.setUint16(2 * i, count);
        return;
      case 5:
        view.setUint32(4 * i, count);
        return;
      case 6:
        view.setUint32(8 * i, Math.floor(count / 2 ** 32));
        view.setUint32(8 * i + 4, count);
        return;
      default: {
        const { shift, mask, byte } = this.narrow(i);
        view.setUint8(byte, (view.getUint8(byte) & ~(mask << shift)) | (count << shift));
      }
    }
  }

  /** Refcounts of less than a byte fill it from bit 0 on. */
  private narrow(i: number): { shift: number; mask: number; byte: number } {
    const bits = 1 << this.header.refcountOrder;
    return { shift: (i * bits) & 7, mask: (1 << bits) - 1, byte: (i * bits) >> 3 };
  }
}
