/** Errors of a shared folder, with Linux' numbers, which the 9P2000.L protocol uses. */
export const ShareErrno = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  EBADF: 9,
  EACCES: 13,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EROFS: 30,
  EOPNOTSUPP: 95,
  ESTALE: 116,
} as const;

/** What a file of a shared folder is like. Times are nanoseconds since 1970. */
export interface ShareStat {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Type and permission bits, as Linux has them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: bigint;
  readonly blocks: bigint;
  /** Unique among the files of the folder. */
  readonly inode: bigint;
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
}

/** What is to be changed of a file; what is absent stays. */
export interface ShareChange {
  readonly mode?: number;
  readonly size?: number;
  readonly accessedNs?: bigint;
  readonly modifiedNs?: bigint;
}

/** How a file is opened. */
export interface ShareOpen {
  readonly read: boolean;
  readonly write: boolean;
  readonly truncate: boolean;
}

/**
 * A file or folder in a shared folder, held until `close`. Failures are numbers: {@link ShareErrno}, or others of
 * Linux; operations with a count as their result give the negative number. Names are single ones: whatever leads out
 * of the folder is refused, and symbolic links are shown, never followed.
 */
export interface ShareNode {
  stat(): ShareStat | number;
  child(name: string): ShareNode | number;
  /** The same file, held once more and not opened. */
  duplicate(): ShareNode | number;
  names(): readonly string[] | number;
  readLink(): string | number;
  open(how: ShareOpen): number;
  /** @returns bytes read, or a negative error */
  read(position: number, into: Uint8Array): number;
  /** @returns bytes written, or a negative error */
  write(position: number, from: Uint8Array): number;
  /** Makes a file and opens it. */
  create(name: string, how: ShareOpen, mode: number, exclusive: boolean): ShareNode | number;
  makeFolder(name: string, mode: number): number;
  remove(name: string, isFolder: boolean): number;
  rename(name: string, to: ShareNode, newName: string): number;
  change(change: ShareChange): number;
  sync(): number;
  close(): void;
}

/** A folder of the host that a guest sees. */
export interface ShareBackend {
  /** For messages. */
  readonly name: string;
  readonly readOnly: boolean;
  root(): ShareNode | number;
  close(): void;
}
