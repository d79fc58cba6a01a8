/** Reasons for which an operation on a file fails, by the numbers that C libraries know. */
export const HostErrno = {
  noEntry: 2,
  inputOutput: 5,
  badFile: 9,
  noPermission: 13,
  invalid: 22,
  tooManyFiles: 24,
} as const;

/** How a file is opened: C's `fopen` modes without `b`. */
export type FileMode = 'r' | 'r+' | 'w' | 'w+' | 'a' | 'a+';

/** An open file of the host. Failures are numbers of {@link HostErrno}, negative. */
export interface HostFile {
  /** In bytes, or a failure. */
  size(): number;
  /** @returns bytes read; 0 at the end of the file */
  read(position: number, into: Uint8Array): number;
  /** @returns bytes written; 0 where there is no room */
  write(position: number, from: Uint8Array): number;
  close(): void;
}

/**
 * A folder of the host that a guest's program may work in. Names are relative to it, with `/` between; no name leads out of
 * it. Never throws for what a name is. Failures are positive numbers of {@link HostErrno}.
 */
export interface HostFolder {
  open(name: string, mode: FileMode): HostFile | number;
  /** @returns 0 or a failure */
  remove(name: string): number;
  rename(from: string, to: string): number;
}
