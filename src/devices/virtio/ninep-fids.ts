import { type ShareBackend, ShareErrno, type ShareNode, type ShareOpen } from '../../ports/share.ts';

/** Files that a client may hold at once: each is a handle of the host. */
const MAX_FIDS = 8192;
const ENFILE = 23;

/** A fid: a file or folder that a client holds. */
export interface Fid {
  readonly node: ShareNode;
  /** Names that lead here from the root: by them it is found again after a restore. */
  names: readonly string[];
  opened: ShareOpen | undefined;
  /** A folder's names, as they were when it was read from its start. */
  entries: readonly string[];
}

/** A fid as it is saved. */
export type FidState = {
  fid: number;
  names: readonly string[];
  read: boolean;
  write: boolean;
  opened: boolean;
};

/** A failure with Linux' number, within the 9P server. */
export class Failure extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super();
    this.errno = errno;
  }
}

/** What a share gave, unless that is the number of a failure. @throws Failure */
export function given<T>(result: T | number): T {
  if (typeof result === 'number') throw new Failure(result);
  return result;
}

/** @throws Failure unless the number is 0 */
export function must(errno: number): void {
  if (errno !== 0) throw new Failure(errno);
}

/** The fids of one client, over one shared folder. */
export class FidTable {
  private readonly share: ShareBackend;
  private readonly fids = new Map<number, Fid>();

  constructor(share: ShareBackend) {
    this.share = share;
  }

  clear(): void {
    for (const { node } of this.fids.values()) node.close();
    this.fids.clear();
  }

  saveState(): FidState[] {
    return [...this.fids].map(([fid, { names, opened }]) => ({
      fid,
      names: [...names],
      read: opened?.read ?? false,
      write: opened?.write ?? false,
      opened: opened !== undefined,
    }));
  }

  /** Finds the files again by their names; those that are gone are stale. */
  restoreState(state: readonly FidState[]): void {
    this.clear();
    for (const { fid, names, read, write, opened } of state) {
      const node = this.find(names);
      if (node === undefined) continue;
      const how = { read, write, truncate: false };
      if (opened && node.open(how) !== 0) node.close();
      else this.fids.set(fid, { node, names, opened: opened ? how : undefined, entries: [] });
    }
  }

  /** What the names lead to from the root, to be closed by the caller; undefined where that is gone. */
  find(names: readonly string[]): ShareNode | undefined {
    let node = this.share.root();
    for (const name of names) {
      if (typeof node === 'number') return undefined;
      const child = node.child(name);
      node.close();
      node = child;
    }
    return typeof node === 'number' ? undefined : node;
  }

  /** @throws Failure where the client holds no such fid */
  get(number: number): Fid {
    const fid = this.fids.get(number);
    if (fid === undefined) throw new Failure(ShareErrno.EBADF);
    return fid;
  }

  /** Takes a node over, in the place of what the fid was. @throws Failure where the client holds too many */
  hold(number: number, node: ShareNode, names: readonly string[]): void {
    const before = this.fids.get(number);
    if (before === undefined && this.fids.size >= MAX_FIDS) {
      node.close();
      throw new Failure(ENFILE);
    }
    before?.node.close();
    this.fids.set(number, { node, names, opened: undefined, entries: [] });
  }

  forget(number: number): void {
    this.get(number).node.close();
    this.fids.delete(number);
  }

  /** Files that were found by `from` are found by `to` from now on. */
  moved(from: readonly string[], to: readonly string[]): void {
    for (const fid of this.fids.values()) {
      if (from.every((name, i) => fid.names[i] === name))
        fid.names = [...to, ...fid.names.slice(from.length)];
    }
  }
}
