import type { DiskFile } from '../disk-file.ts';

/** Bytes of tables that are kept in memory. */
const KEPT_BYTES = 32 * 2 ** 20;

/** One cluster of an image that holds a table: entries are big-endian. */
export interface Table {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  dirty: boolean;
}

/** Tables of one kind (L2 tables, or blocks of refcounts), as far as they were used. What was changed stays until written. */
export class TableCache {
  private readonly file: DiskFile;
  private readonly clusterSize: number;
  /** In the order of their last use. */
  private readonly tables = new Map<number, Table>();

  constructor(file: DiskFile, clusterSize: number) {
    this.file = file;
    this.clusterSize = clusterSize;
  }

  /** True when the tables that wait to be written take too much memory. */
  get isFull(): boolean {
    return this.dirtyTables().length * this.clusterSize > KEPT_BYTES / 2;
  }

  async load(offset: number): Promise<Table> {
    const known = this.tables.get(offset);
    if (known !== undefined) {
      this.tables.delete(offset);
      this.tables.set(offset, known);
      return known;
    }
    const table = this.add(offset, false);
    try {
      await this.file.read(offset, table.bytes);
    } catch (error) {
      this.tables.delete(offset);
      throw error;
    }
    this.forgetOldest();
    return table;
  }

  /** A new table of zeroes. */
  create(offset: number): Table {
    return this.add(offset, true);
  }

  /** One that `create` made and that was not written since. */
  created(offset: number): Table {
    const table = this.tables.get(offset);
    if (table === undefined) throw new RangeError(`no new table at ${offset}`);
    return table;
  }

  /** @returns whether there was anything to write */
  async writeBack(): Promise<boolean> {
    const dirty = this.dirtyTables();
    for (const table of dirty) {
      await this.file.write(table.offset, table.bytes);
      table.dirty = false;
    }
    return dirty.length > 0;
  }

  private dirtyTables(): Table[] {
    return [...this.tables.values()].filter((table) => table.dirty);
  }

  private add(offset: number, dirty: boolean): Table {
    const bytes = new Uint8Array(this.clusterSize);
    const table = { offset, bytes, view: new DataView(bytes.buffer), dirty };
    this.tables.set(offset, table);
    return table;
  }

  private forgetOldest(): void {
    for (const [offset, table] of this.tables) {
      if (this.tables.size * this.clusterSize <= KEPT_BYTES) return;
      if (!table.dirty) this.tables.delete(offset);
    }
  }
}
