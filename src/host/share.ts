import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { OptionError } from '../errors.ts';
import {
  type ShareBackend,
  type ShareChange,
  ShareErrno,
  type ShareNode,
  type ShareOpen,
  type ShareStat,
} from '../ports/share.ts';
import { explain } from './files.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } =
  constants;
/** Linux: a handle on a file or link itself, without opening it. Node has no name for it. */
const O_PATH = 0o10000000;
const PERMISSIONS = 0o777;

/**
 * A folder of this host for a guest. Each file is held by a handle (O_PATH), and a name in a folder is looked up below the
 * folder's own handle, one name at a time and without following links: nothing that the guest or anybody else renames or
 * links in between leads outside. Linux only.
 * @throws OptionError when it can't be used
 */
export function openShare(path: string, readOnly: boolean): ShareBackend {
  if (process.platform !== 'linux')
    throw new OptionError('folders can be shared on Linux only', 'leave it out');
  let fd: number;
  try {
    const root = realpathSync(path);
    if (!statSync(root).isDirectory())
      throw new OptionError(`can't share the folder '${path}': it is no folder`, 'name a folder');
    fd = openSync(root, O_PATH | O_DIRECTORY);
  } catch (cause) {
    if (cause instanceof OptionError) throw cause;
    const [reason, remedy] = explain(cause);
    throw new OptionError(`can't share the folder '${path}': ${reason}`, remedy, { cause });
  }
  return {
    name: `'${path}'`,
    readOnly,
    root: () => attempt(() => new Node(openSync(below(fd, '.'), O_PATH | O_DIRECTORY), readOnly, undefined)),
    close: () => closeSync(fd),
  };
}

/** The path of a name in the folder that a handle holds. */
function below(fd: number, name: string): string {
  return `/proc/self/fd/${fd}/${name}`;
}

class Node implements ShareNode {
  private readonly handle: number;
  private readonly readOnly: boolean;
  private readonly linkTarget: string | undefined;
  private opened: number | undefined;

  constructor(handle: number, readOnly: boolean, linkTarget: string | undefined) {
    this.handle = handle;
    this.readOnly = readOnly;
    this.linkTarget = linkTarget;
  }

  stat(): ShareStat | number {
    return attempt(() => asStat(fstatSync(this.handle, { bigint: true })));
  }

  child(name: string): ShareNode | number {
    const refused = this.refuseName(name);
    return refused !== 0 ? refused : attempt(() => this.lookUp(name));
  }

  duplicate(): ShareNode | number {
    return attempt(() => new Node(openSync(this.itself, O_PATH), this.readOnly, this.linkTarget));
  }

  names(): readonly string[] | number {
    return attempt(() => readdirSync(this.itself));
  }

  readLink(): string | number {
    return this.linkTarget ?? ShareErrno.EINVAL;
  }

  open({ read, write, truncate }: ShareOpen): number {
    if (this.readOnly && (write || truncate)) return ShareErrno.EROFS;
    const stat = this.stat();
    if (typeof stat === 'number') return stat;
    // Devices and FIFOs of the host are not the guest's.
    if (stat.kind !== 'file' && stat.kind !== 'folder') return ShareErrno.EACCES;
    if (stat.kind === 'folder') return write ? ShareErrno.EISDIR : 0;
    return done(() => {
      const flags = accessFlags(read, write) | (truncate ? O_TRUNC : 0) | O_NONBLOCK;
      this.opened = openSync(this.itself, flags);
    });
  }

  read(position: number, into: Uint8Array): number {
    const { opened } = this;
    if (opened === undefined) return -ShareErrno.EBADF;
    return counted(() => readSync(opened, into, 0, into.length, position));
  }

  write(position: number, from: Uint8Array): number {
    const { opened } = this;
    if (opened === undefined) return -ShareErrno.EBADF;
    return counted(() => writeSync(opened, from, 0, from.length, position));
  }

  create(name: string, how: ShareOpen, mode: number, exclusive: boolean): ShareNode | number {
    const refused = this.refuseChange(name);
    if (refused !== 0) return refused;
    return attempt(() => {
      const flags = accessFlags(how.read, how.write) | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
      const fd = openSync(below(this.handle, name), flags | (exclusive ? O_EXCL : 0), mode & PERMISSIONS);
      try {
        if (!fstatSync(fd).isFile()) return ShareErrno.EACCES;
        // The handle of what was opened, whatever its name leads to now.
        const node = new Node(openSync(`/proc/self/fd/${fd}`, O_PATH), this.readOnly, undefined);
        const failed = node.open(how);
        if (failed === 0) return node;
        node.close();
        return failed;
      } finally {
        closeSync(fd);
      }
    });
  }

  makeFolder(name: string, mode: number): number {
    const refused = this.refuseChange(name);
    return refused !== 0 ? refused : done(() => mkdirSync(below(this.handle, name), mode & PERMISSIONS));
  }

  remove(name: string, isFolder: boolean): number {
    const refused = this.refuseChange(name);
    if (refused !== 0) return refused;
    return done(() => (isFolder ? rmdirSync : unlinkSync)(below(this.handle, name)));
  }

  rename(name: string, to: ShareNode, newName: string): number {
    if (!(to instanceof Node)) return ShareErrno.EINVAL;
    const refused = this.refuseChange(name) || to.refuseChange(newName);
    return refused !== 0
      ? refused
      : done(() => renameSync(below(this.handle, name), below(to.handle, newName)));
  }

  change({ mode, size, accessedNs, modifiedNs }: ShareChange): number {
    if (this.readOnly) return ShareErrno.EROFS;
    const stat = this.stat();
    if (typeof stat === 'number') return stat;
    if (stat.kind !== 'file' && stat.kind !== 'folder') return ShareErrno.EPERM;
    return done(() => {
      if (mode !== undefined) chmodSync(this.itself, mode & PERMISSIONS);
      if (size !== undefined) truncateSync(this.itself, size);
      if (accessedNs !== undefined || modifiedNs !== undefined) {
        const seconds = (ns: bigint) => Number(ns) / 1e9;
        utimesSync(
          this.itself,
          seconds(accessedNs ?? stat.accessedNs),
          seconds(modifiedNs ?? stat.modifiedNs),
        );
      }
    });
  }

  sync(): number {
    const { opened } = this;
    return opened === undefined ? 0 : done(() => fsyncSync(opened));
  }

  close(): void {
    done(() => {
      if (this.opened !== undefined) closeSync(this.opened);
      closeSync(this.handle);
    });
  }

  /** The file that the handle holds, whatever became of its name. */
  private get itself(): string {
    return `/proc/self/fd/${this.handle}`;
  }

  private lookUp(name: string): ShareNode {
    const path = below(this.handle, name);
    const fd = openSync(path, O_PATH | O_NOFOLLOW);
    const isLink = fstatSync(fd).isSymbolicLink();
    let target: string | undefined;
    try {
      if (isLink) target = readlinkSync(path);
    } catch {
      // It was replaced just now: a link that leads nowhere.
    }
    return new Node(fd, this.readOnly, target);
  }

  private refuseChange(name: string): number {
    return this.readOnly ? ShareErrno.EROFS : this.refuseName(name);
  }

  /** One name, that is in this folder: not the folder itself, nor the one above. */
  private refuseName(name: string): number {
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) return ShareErrno.EACCES;
    const stat = this.stat();
    if (typeof stat === 'number') return stat;
    return stat.kind === 'folder' ? 0 : ShareErrno.ENOTDIR;
  }
}

function accessFlags(read: boolean, write: boolean): number {
  if (!write) return O_RDONLY;
  return read ? O_RDWR : O_WRONLY;
}

function asStat(stat: BigIntStats): ShareStat {
  const kind = stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'folder'
      : stat.isSymbolicLink()
        ? 'link'
        : 'other';
  return {
    kind,
    mode: Number(stat.mode),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    links: Number(stat.nlink),
    size: stat.size,
    blocks: stat.blocks,
    inode: stat.ino,
    accessedNs: stat.atimeNs,
    modifiedNs: stat.mtimeNs,
    changedNs: stat.ctimeNs,
  };
}

/** @returns what the operation gives, or the number of its failure */
function attempt<Result>(operation: () => Result): Result | number {
  try {
    return operation();
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
    return errno < 0 ? -errno : ShareErrno.EIO;
  }
}

/** @returns 0, or the number of the failure */
function done(operation: () => void): number {
  return attempt(() => {
    operation();
    return 0;
  });
}

/** @returns a count, or the negative number of the failure */
function counted(operation: () => number): number {
  return -attempt(() => -operation());
}
