import { promisify } from 'node:util';
import { constants, inflateRaw } from 'node:zlib';
import { type DiskBackend, SECTOR_BYTES } from '../../ports/disk.ts';
import type { DiskFile } from '../disk-file.ts';
import { ClusterMap, type Mapping } from './cluster-map.ts';
import { damaged, HeaderField, type Qcow2Header } from './header.ts';
import { Refcounts } from './refcounts.ts';

const inflate = promisify(inflateRaw);

/**
 * A disk in QEMU's qcow2 format, versions 2 and 3: clusters that are allocated as they are written, over a backing disk.
 *
 * Tables change in memory, and reach the file at a flush: first the refcounts, then what refers to the clusters, and what was given
 * up is free after that only. Whenever the process or the host dies, the file is as at the last flush, with at most some
 * clusters that nothing uses.
 */
export class Qcow2Disk implements DiskBackend {
  readonly name: string;
  readonly size: number;
  readonly readOnly: boolean;
  private readonly file: DiskFile;
  private readonly header: Qcow2Header;
  private readonly clusterSize: number;
  private readonly map: ClusterMap;
  private readonly refcounts: Refcounts;
  private readonly backing: DiskBackend | undefined;
  /** Changes of the tables come one after the other. */
  private queue: Promise<void> = Promise.resolve();
  /** Transfers to and from clusters of the file, which must not be given to something else meanwhile. */
  private readonly transfers = new Set<Promise<void>>();
  /** Clusters that the tables in the file may still refer to. */
  private givenUp: number[] = [];
  private autoclear: boolean;
  /** The cluster that was unpacked last: guests read it in small pieces. */
  private unpacked: { readonly offset: number; readonly bytes: Uint8Array } | undefined;

  private constructor(
    file: DiskFile,
    header: Qcow2Header,
    refcounts: Refcounts,
    map: ClusterMap,
    backing: DiskBackend | undefined,
  ) {
    this.file = file;
    this.header = header;
    this.name = `'${file.path}'`;
    this.size = Math.ceil(header.size / SECTOR_BYTES) * SECTOR_BYTES;
    this.readOnly = !file.writable;
    this.clusterSize = 2 ** header.clusterBits;
    this.refcounts = refcounts;
    this.map = map;
    this.backing = backing;
    this.autoclear = header.hasAutoclear;
  }

  /** @param backing what the image has by default; closed with it */
  static async open(
    file: DiskFile,
    header: Qcow2Header,
    backing: DiskBackend | undefined,
  ): Promise<Qcow2Disk> {
    const refcounts = await Refcounts.open(file, header);
    return new Qcow2Disk(file, header, refcounts, await ClusterMap.open(file, header, refcounts), backing);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const at = offset + done;
      // Started before the tables can change, so that the cluster stays what it is.
      const read = await this.locked(async () => {
        const { mapping, within, bytes } = await this.runAt(at, into.length - done, true);
        const part = into.subarray(done, done + bytes);
        const inFile = mapping.kind === 'data';
        const work = inFile
          ? this.transfer(this.file.read(mapping.offset + within, part))
          : this.readElsewhere(mapping, at, within, part);
        return { bytes, work };
      });
      await read.work;
      done += read.bytes;
    }
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    for (let done = 0; done < from.length; ) {
      const at = offset + done;
      const written = await this.locked(async () => {
        const run = await this.runAt(at, from.length - done, false);
        const part = from.subarray(done, done + run.bytes);
        const { mapping, within } = run;
        if (mapping.kind === 'data' && mapping.owned) {
          return { bytes: run.bytes, work: this.transfer(this.file.write(mapping.offset + within, part)) };
        }
        await this.writeNew(Math.floor(at / this.clusterSize), mapping, within, part);
        return { bytes: run.bytes, work: undefined };
      });
      await written.work;
      done += written.bytes;
    }
  }

  async writeZeroes(offset: number, length: number, mayUnmap: boolean): Promise<void> {
    await this.eachCluster(offset, length, async (cluster, at, bytes) => {
      if (bytes < this.clusterSize || this.header.version < 3) {
        await this.write(at, new Uint8Array(bytes));
        return;
      }
      await this.locked(async () => {
        const mapping = await this.map.lookup(cluster);
        if (mapping.kind === 'zero' || (mapping.kind === 'unallocated' && this.backing === undefined)) return;
        const keep = !mayUnmap && mapping.kind === 'data' && mapping.owned;
        await this.change(() => this.map.setZero(cluster, keep ? mapping.offset : 0));
        if (!keep) this.giveUp(mapping);
      });
    });
  }

  /** Whole clusters are given back. Where a backing file would show through, they become zeroes. */
  async discard(offset: number, length: number): Promise<void> {
    await this.eachCluster(offset, length, async (cluster, _at, bytes) => {
      if (bytes < this.clusterSize) return;
      await this.locked(async () => {
        const mapping = await this.map.lookup(cluster);
        if (mapping.kind === 'unallocated' || (mapping.kind === 'zero' && mapping.offset === 0)) return;
        if (this.backing !== undefined && this.header.version < 3) return;
        await this.change(() =>
          this.backing === undefined ? this.map.setUnallocated(cluster) : this.map.setZero(cluster, 0),
        );
        this.giveUp(mapping);
      });
    });
  }

  async identity(): Promise<string> {
    await this.flush();
    const own = await this.file.contentsStamp();
    return this.backing?.identity === undefined ? own : `${own}, ${await this.backing.identity()}`;
  }

  flush(): Promise<void> {
    return this.locked(() => this.writeBack());
  }

  async close(): Promise<void> {
    try {
      if (!this.readOnly) {
        await this.flush();
        // What the first one set free.
        await this.flush();
      }
    } finally {
      await this.file.close();
      await this.backing?.close();
    }
  }

  /** The longest run from an offset of the disk that is in one piece in the file too. */
  private async runAt(
    at: number,
    length: number,
    reading: boolean,
  ): Promise<{ mapping: Mapping; within: number; bytes: number }> {
    const { clusterSize } = this;
    const within = at % clusterSize;
    let cluster = Math.floor(at / clusterSize);
    const mapping = await this.map.lookup(cluster);
    let bytes = Math.min(length, clusterSize - within);
    if (mapping.kind !== 'data') return { mapping, within, bytes };
    while (bytes < length) {
      const next = await this.map.lookup(++cluster);
      if (next.kind !== 'data' || next.offset !== mapping.offset + within + bytes) break;
      if (!reading && next.owned !== mapping.owned) break;
      if (!reading && !mapping.owned) break;
      bytes += Math.min(length - bytes, clusterSize);
    }
    return { mapping, within, bytes };
  }

  /** Reads a part of one cluster that is not in the file as such. */
  private async readElsewhere(mapping: Mapping, at: number, within: number, into: Uint8Array): Promise<void> {
    if (mapping.kind === 'compressed') {
      const bytes = await this.unpack(mapping);
      into.set(bytes.subarray(within, within + into.length));
      return;
    }
    const { backing } = this;
    const there = mapping.kind === 'unallocated' && backing !== undefined ? backing.size - at : 0;
    const count = Math.max(0, Math.min(there, into.length));
    into.fill(0, count);
    if (count > 0) await backing?.read(at, into.subarray(0, count));
  }

  private async unpack({ offset, bytes }: { offset: number; bytes: number }): Promise<Uint8Array> {
    if (this.unpacked?.offset === offset) return this.unpacked.bytes;
    const packed = new Uint8Array(bytes);
    await this.transfer(this.file.read(offset, packed));
    const options = { maxOutputLength: this.clusterSize, finishFlush: constants.Z_SYNC_FLUSH };
    const contents = await inflate(packed, options).catch(() => undefined);
    if (contents?.length !== this.clusterSize) throw damaged(this.file.path, 'a compressed cluster');
    this.unpacked = { offset, bytes: contents };
    return contents;
  }

  /** Writes a part of one cluster that has no place of its own yet, or shares it. */
  private async writeNew(cluster: number, mapping: Mapping, within: number, from: Uint8Array): Promise<void> {
    let contents = from;
    if (from.length < this.clusterSize) {
      contents = new Uint8Array(this.clusterSize);
      if (mapping.kind === 'data') await this.file.read(mapping.offset, contents);
      else await this.readElsewhere(mapping, cluster * this.clusterSize, 0, contents);
      contents.set(from, within);
    }
    const reuse = mapping.kind === 'zero' && mapping.owned;
    await this.change(async () => {
      const offset = reuse ? mapping.offset : await this.refcounts.allocate();
      try {
        await this.file.write(offset, contents);
      } catch (error) {
        // A full disk: nothing refers to the cluster.
        if (!reuse) await this.refcounts.release(offset);
        throw error;
      }
      await this.map.setData(cluster, offset);
    });
    if (!reuse) this.giveUp(mapping);
  }

  /** Makes a change of the tables, and room for the next one. */
  private async change(change: () => Promise<void>): Promise<void> {
    if (this.autoclear) await this.clearAutoclear();
    await change();
    if (this.map.isFull || this.refcounts.isFull) await this.writeBack();
  }

  private async clearAutoclear(): Promise<void> {
    await this.file.write(HeaderField.autoclear, new Uint8Array(8));
    await this.file.sync();
    this.autoclear = false;
  }

  private giveUp(mapping: Mapping): void {
    if (mapping.kind === 'unallocated' || mapping.offset === 0) return;
    const { clusterSize } = this;
    const first = Math.floor(mapping.offset / clusterSize);
    // Compressed data may lie over the border of two clusters, and is counted in both.
    const bytes = mapping.kind === 'compressed' ? mapping.bytes : clusterSize;
    const last = Math.floor((mapping.offset + bytes - 1) / clusterSize);
    for (let i = first; i <= last; i++) this.givenUp.push(i * clusterSize);
    this.unpacked = undefined;
  }

  private async writeBack(): Promise<void> {
    if (!(await this.refcounts.writeBack())) await this.file.sync();
    if (await this.map.writeBack()) await this.file.sync();
    if (this.givenUp.length === 0) return;
    await Promise.allSettled(this.transfers);
    for (const offset of this.givenUp.splice(0)) await this.refcounts.release(offset);
  }

  private async eachCluster(
    offset: number,
    length: number,
    visit: (cluster: number, at: number, bytes: number) => Promise<void>,
  ): Promise<void> {
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const cluster = Math.floor(at / this.clusterSize);
      const next = Math.min(end, (cluster + 1) * this.clusterSize);
      await visit(cluster, at, next - at);
      at = next;
    }
  }

  private transfer(work: Promise<void>): Promise<void> {
    const settled = work.catch(() => {}).finally(() => this.transfers.delete(settled));
    this.transfers.add(settled);
    return work;
  }

  private locked<T>(action: () => Promise<T>): Promise<T> {
    const result = this.queue.then(action);
    this.queue = result.then(
      () => {},
      () => {},
    );
    return result;
  }
}
