import { type ShareBackend, ShareErrno, type ShareOpen, type ShareStat } from '../../ports/share.ts';
import { Failure, type FidState, FidTable, given, must } from './ninep-fids.ts';
import {
  HEADER_BYTES,
  Message,
  MessageReader,
  MessageWriter,
  RLERROR,
  ShortMessage,
} from './ninep-messages.ts';

/** Largest message, with which a client may be content or not. */
const MAX_MESSAGE = 128 * 1024 + 24;
const MAX_WALK = 16;

/** Open flags as Linux has them on every architecture that has no numbers of its own. */
const O_ACCMODE = 3;
const O_WRONLY = 1;
const O_RDWR = 2;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;
const AT_REMOVEDIR = 0x200;

/** What getattr gives: all that is basic (P9_GETATTR_BASIC). */
const GETATTR_BASIC = 0x7ffn;
const SETATTR_MODE = 1;
const SETATTR_UID_GID = 6;
const SETATTR_SIZE = 8;
const SETATTR_ATIME = 0x10;
const SETATTR_MTIME = 0x20;
const SETATTR_ATIME_SET = 0x80;
const SETATTR_MTIME_SET = 0x100;

const LOCK_SUCCESS = 0;
const UNLOCKED = 2;
const V9FS_MAGIC = 0x0102_1997;
/** Types of directory entries. */
const DT = { file: 8, folder: 4, link: 10, other: 0 } as const;
const QID_TYPES = { file: 0, folder: 0x80, link: 2, other: 0 } as const;

/** The protocol's state: what a client holds. */
export type NinePState = {
  msize: number;
  fids: FidState[];
};

/** A server of the 9P2000.L protocol for one client over one shared folder. No message makes it throw. */
export class NinePServer {
  private readonly share: ShareBackend;
  /** Wall-clock time, for files that are touched. */
  private readonly nowNs: () => bigint;
  private readonly fids: FidTable;
  private msize = MAX_MESSAGE;
  private readonly handlers: ReadonlyMap<number, (request: MessageReader, answer: MessageWriter) => void> =
    new Map([
      [Message.version, (request, answer) => this.version(request, answer)],
      [Message.attach, (request, answer) => this.attach(request, answer)],
      [Message.walk, (request, answer) => this.walk(request, answer)],
      [Message.clunk, (request) => this.fids.forget(request.u32())],
      [Message.getattr, (request, answer) => this.getattr(request, answer)],
      [Message.setattr, (request) => this.setattr(request)],
      [Message.lopen, (request, answer) => this.lopen(request, answer)],
      [Message.lcreate, (request, answer) => this.lcreate(request, answer)],
      [Message.read, (request, answer) => this.read(request, answer)],
      [Message.write, (request, answer) => this.write(request, answer)],
      [Message.readdir, (request, answer) => this.readdir(request, answer)],
      [Message.readlink, (request, answer) => this.readlink(request, answer)],
      [Message.mkdir, (request, answer) => this.mkdir(request, answer)],
      [Message.unlinkat, (request) => this.unlinkat(request)],
      [Message.remove, (request) => this.remove(request)],
      [Message.renameat, (request) => this.renameat(request)],
      [Message.rename, (request) => this.rename(request)],
      [Message.fsync, (request) => must(this.fids.get(request.u32()).node.sync())],
      [Message.statfs, (request, answer) => this.statfs(request, answer)],
      [Message.lock, (request, answer) => this.lock(request, answer)],
      [Message.getlock, (request, answer) => this.getlock(request, answer)],
      // Everything is answered before the next message is taken.
      [Message.flush, () => {}],
    ] satisfies [number, (request: MessageReader, answer: MessageWriter) => void][]);

  constructor(share: ShareBackend, nowNs: () => bigint) {
    this.share = share;
    this.fids = new FidTable(share);
    this.nowNs = nowNs;
  }

  /** @param limit room for the answer @returns the answer, or undefined when not even an error fits */
  answer(request: Uint8Array, limit: number): Uint8Array | undefined {
    if (request.length < HEADER_BYTES || limit < HEADER_BYTES + 4) return undefined;
    const view = new DataView(request.buffer, request.byteOffset);
    const tag = view.getUint16(5, true);
    const type = request[4];
    const writer = new MessageWriter(Math.min(limit, this.msize));
    try {
      this.serve(type, new MessageReader(request), writer);
      return writer.finish(type + 1, tag);
    } catch (error) {
      const errno = error instanceof Failure ? error.errno : ShareErrno.EINVAL;
      if (!(error instanceof Failure) && !(error instanceof ShortMessage)) throw error;
      return new MessageWriter(HEADER_BYTES + 4).u32(errno).finish(RLERROR, tag);
    }
  }

  /** The client is gone. */
  reset(): void {
    this.fids.clear();
    this.msize = MAX_MESSAGE;
  }

  saveState(): NinePState {
    return { msize: this.msize, fids: this.fids.saveState() };
  }

  /** Finds the files again by their names; those that are gone are stale. */
  restoreState(state: NinePState): void {
    this.msize = state.msize;
    this.fids.restoreState(state.fids);
  }

  private serve(type: number, request: MessageReader, answer: MessageWriter): void {
    const handler = this.handlers.get(type);
    // Links that a guest makes could lead a program of the host out of the folder; device files are not the guest's.
    if (handler === undefined) throw new Failure(ShareErrno.EOPNOTSUPP);
    handler(request, answer);
  }

  private readlink(request: MessageReader, answer: MessageWriter): void {
    answer.text(given(this.fids.get(request.u32()).node.readLink()));
  }

  /** One client only: it has decided already. */
  private lock(request: MessageReader, answer: MessageWriter): void {
    this.fids.get(request.u32());
    answer.u8(LOCK_SUCCESS);
  }

  private version(request: MessageReader, answer: MessageWriter): void {
    this.reset();
    this.msize = Math.min(Math.max(request.u32(), 4096), MAX_MESSAGE);
    answer.u32(this.msize).text(request.text() === '9P2000.L' ? '9P2000.L' : 'unknown');
  }

  private attach(request: MessageReader, answer: MessageWriter): void {
    const fid = request.u32();
    const node = given(this.share.root());
    this.fids.hold(fid, node, []);
    this.qid(answer, given(node.stat()));
  }

  private walk(request: MessageReader, answer: MessageWriter): void {
    const from = this.fids.get(request.u32());
    const newFid = request.u32();
    const count = request.u16();
    if (count > MAX_WALK) throw new Failure(ShareErrno.EINVAL);
    const names = Array.from({ length: count }, () => request.text());
    let node = given(from.node.duplicate());
    const stats: ShareStat[] = [];
    for (const name of names) {
      const child = node.child(name);
      const stat = typeof child === 'number' ? child : child.stat();
      if (typeof child === 'number' || typeof stat === 'number') {
        node.close();
        if (typeof child !== 'number') child.close();
        // 9P: a walk that fails later than at its first name says how far it came, and the new fid is not there.
        if (stats.length === 0) throw new Failure(typeof stat === 'number' ? stat : ShareErrno.EIO);
        this.walked(answer, stats);
        return;
      }
      node.close();
      node = child;
      stats.push(stat);
    }
    this.fids.hold(newFid, node, [...from.names, ...names]);
    this.walked(answer, stats);
  }

  private walked(answer: MessageWriter, stats: readonly ShareStat[]): void {
    answer.u16(stats.length);
    for (const stat of stats) this.qid(answer, stat);
  }

  private getattr(request: MessageReader, answer: MessageWriter): void {
    const stat = given(this.fids.get(request.u32()).node.stat());
    answer.u64(GETATTR_BASIC);
    this.qid(answer, stat);
    answer.u32(stat.mode).u32(stat.uid).u32(stat.gid).u64(BigInt(stat.links)).u64(0n);
    answer.u64(stat.size).u64(4096n).u64(stat.blocks);
    for (const ns of [stat.accessedNs, stat.modifiedNs, stat.changedNs, 0n]) {
      answer.u64(ns / 1_000_000_000n).u64(ns % 1_000_000_000n);
    }
    answer.u64(0n).u64(0n);
  }

  private setattr(request: MessageReader): void {
    const { node } = this.fids.get(request.u32());
    const valid = request.u32();
    const mode = request.u32();
    const [uid, gid] = [request.u32(), request.u32()];
    const size = Number(request.u64());
    const time = () => request.u64() * 1_000_000_000n + request.u64();
    const [accessed, modified] = [time(), time()];
    const has = (bit: number): boolean => (valid & bit) !== 0;
    if (has(SETATTR_UID_GID)) this.refuseOtherOwner(given(node.stat()), valid, uid, gid);
    if (has(SETATTR_SIZE) && !Number.isSafeInteger(size)) throw new Failure(ShareErrno.EINVAL);
    must(
      node.change({
        ...(has(SETATTR_MODE) && { mode }),
        ...(has(SETATTR_SIZE) && { size }),
        ...(has(SETATTR_ATIME) && { accessedNs: has(SETATTR_ATIME_SET) ? accessed : this.nowNs() }),
        ...(has(SETATTR_MTIME) && { modifiedNs: has(SETATTR_MTIME_SET) ? modified : this.nowNs() }),
      }),
    );
  }

  /** Files belong to whom the host says. */
  private refuseOtherOwner(stat: ShareStat, valid: number, uid: number, gid: number): void {
    const sameUser = (valid & 2) === 0 || uid === stat.uid;
    const sameGroup = (valid & 4) === 0 || gid === stat.gid;
    if (!sameUser || !sameGroup) throw new Failure(ShareErrno.EPERM);
  }

  private lopen(request: MessageReader, answer: MessageWriter): void {
    const fid = this.fids.get(request.u32());
    if (fid.opened !== undefined) throw new Failure(ShareErrno.EBADF);
    const how = openMode(request.u32());
    must(fid.node.open(how));
    fid.opened = how;
    this.qid(answer, given(fid.node.stat()));
    answer.u32(0);
  }

  private lcreate(request: MessageReader, answer: MessageWriter): void {
    const number = request.u32();
    const folder = this.fids.get(number);
    const name = request.text();
    const flags = request.u32();
    const mode = request.u32();
    const how = openMode(flags);
    const node = given(folder.node.create(name, how, mode, (flags & O_EXCL) !== 0));
    this.fids.hold(number, node, [...folder.names, name]);
    this.fids.get(number).opened = how;
    this.qid(answer, given(node.stat()));
    answer.u32(0);
  }

  private read(request: MessageReader, answer: MessageWriter): void {
    const { node } = this.fids.get(request.u32());
    const position = filePosition(request.u64());
    const wanted = Math.min(request.u32(), answer.room - 4);
    const into = answer.u32(0).data(Math.max(0, wanted));
    const count = node.read(position, into);
    if (count < 0) throw new Failure(-count);
    this.setCount(answer, into, count);
  }

  private write(request: MessageReader, answer: MessageWriter): void {
    const { node } = this.fids.get(request.u32());
    const position = filePosition(request.u64());
    const count = node.write(position, request.data(request.u32()));
    if (count < 0) throw new Failure(-count);
    answer.u32(count);
  }

  /** The count stands before the data. */
  private setCount(answer: MessageWriter, data: Uint8Array, count: number): void {
    new DataView(data.buffer, data.byteOffset - 4).setUint32(0, count, true);
    answer.shorten(data.length - count);
  }

  /** An entry's offset is the number of the next one; a folder is read anew from offset 0 only. */
  private readdir(request: MessageReader, answer: MessageWriter): void {
    const fid = this.fids.get(request.u32());
    const offset = filePosition(request.u64());
    const limit = Math.min(request.u32(), answer.room - 4);
    if (offset === 0) fid.entries = given(fid.node.names());
    const data = answer.u32(0).data(0);
    let used = 0;
    for (let i = offset; i < fid.entries.length; i++) {
      const name = fid.entries[i];
      const size = 24 + new TextEncoder().encode(name).length;
      if (used + size > limit) break;
      const child = fid.node.child(name);
      if (typeof child === 'number') continue;
      const stat = child.stat();
      child.close();
      if (typeof stat === 'number') continue;
      this.qid(answer, stat);
      answer
        .u64(BigInt(i + 1))
        .u8(DT[stat.kind])
        .text(name);
      used += size;
    }
    new DataView(data.buffer, data.byteOffset - 4).setUint32(0, used, true);
  }

  private mkdir(request: MessageReader, answer: MessageWriter): void {
    const { node } = this.fids.get(request.u32());
    const name = request.text();
    must(node.makeFolder(name, request.u32()));
    const made = given(node.child(name));
    const stat = made.stat();
    made.close();
    this.qid(answer, given(stat));
  }

  private unlinkat(request: MessageReader): void {
    const { node } = this.fids.get(request.u32());
    const name = request.text();
    must(node.remove(name, (request.u32() & AT_REMOVEDIR) !== 0));
  }

  /** Takes the fid away too, whether it works or not. */
  private remove(request: MessageReader): void {
    const number = request.u32();
    const { node, names } = this.fids.get(number);
    const stat = node.stat();
    this.fids.forget(number);
    const parent = this.fids.find(names.slice(0, -1));
    if (parent === undefined || names.length === 0) throw new Failure(ShareErrno.EACCES);
    const failed = parent.remove(names[names.length - 1], typeof stat !== 'number' && stat.kind === 'folder');
    parent.close();
    must(failed);
  }

  private renameat(request: MessageReader): void {
    const from = this.fids.get(request.u32());
    const name = request.text();
    const to = this.fids.get(request.u32());
    const newName = request.text();
    must(from.node.rename(name, to.node, newName));
    this.fids.moved([...from.names, name], [...to.names, newName]);
  }

  private rename(request: MessageReader): void {
    const { names } = this.fids.get(request.u32());
    const to = this.fids.get(request.u32());
    const newName = request.text();
    const parent = this.fids.find(names.slice(0, -1));
    if (parent === undefined || names.length === 0) throw new Failure(ShareErrno.EACCES);
    const failed = parent.rename(names[names.length - 1], to.node, newName);
    parent.close();
    must(failed);
    this.fids.moved(names, [...to.names, newName]);
  }

  /** The host's figures would tell the guest more than its folder: a file system without an end. */
  private statfs(request: MessageReader, answer: MessageWriter): void {
    this.fids.get(request.u32());
    answer.u32(V9FS_MAGIC).u32(4096);
    for (const count of [2n ** 31n, 2n ** 30n, 2n ** 30n, 2n ** 20n, 2n ** 19n, 0n]) answer.u64(count);
    answer.u32(255);
  }

  private getlock(request: MessageReader, answer: MessageWriter): void {
    this.fids.get(request.u32());
    request.data(1);
    const [start, length, process, client] = [request.u64(), request.u64(), request.u32(), request.text()];
    answer.u8(UNLOCKED).u64(start).u64(length).u32(process).text(client);
  }

  private qid(answer: MessageWriter, stat: ShareStat): void {
    const version = Number(BigInt.asUintN(32, stat.modifiedNs ^ stat.size));
    answer.u8(QID_TYPES[stat.kind]).u32(version).u64(stat.inode);
  }
}

function openMode(flags: number): ShareOpen {
  const access = flags & O_ACCMODE;
  return {
    read: access !== O_WRONLY,
    write: access === O_WRONLY || access === O_RDWR,
    truncate: (flags & O_TRUNC) !== 0,
  };
}

function filePosition(offset: bigint): number {
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new Failure(ShareErrno.EINVAL);
  return Number(offset);
}
