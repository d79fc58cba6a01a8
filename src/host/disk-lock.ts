import type { Stats } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { ArmemuError } from '../errors.ts';

/** A disk file that somebody else has open. */
export class DiskInUseError extends ArmemuError {}

/** Held while a disk file is open. */
export interface DiskLock {
  release(): Promise<void>;
}

let locks = 0;

/**
 * Locks a disk file: one writer, or any number of readers. The lock is a socket in Linux' abstract namespace that is
 * named by the file's device and inode: the kernel takes it away with the process that holds it, so that no lock
 * outlives an armemu that was killed, and a file is the same one by whatever path. Where there is no such namespace,
 * nothing is locked.
 * @throws DiskInUseError that says who has it
 */
export async function lockDisk(
  path: string,
  { dev, ino }: Pick<Stats, 'dev' | 'ino'>,
  writable: boolean,
): Promise<DiskLock> {
  if (process.platform !== 'linux') return { release: async () => {} };
  const prefix = `armemu-disk-${dev}-${ino}-`;
  const name = `${prefix}${writable ? 'writer' : 'reader'}-${process.pid}-${++locks}`;
  const server = await listen(`\0${name}`);
  // First shown, then looked: of two at the same time, at least one sees the other.
  const others = (await lockNames(prefix)).filter((other) => other !== name);
  const inTheWay = others.find((other) => writable || other.startsWith(`${prefix}writer-`));
  if (inTheWay === undefined) return { release: () => close(server) };
  await close(server);
  const pid = Number(/-(\d+)-\d+$/.exec(inTheWay)?.[1]);
  throw new DiskInUseError(
    `the disk '${path}' is in use by ${await describeProcess(pid)}`,
    remedyFor(pid, inTheWay),
  );
}

/** A name that nobody connects to: it only has to be there. */
function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen({ path }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/**
 * Names in the abstract namespace are shown with an @ in place of each NUL: the first, and those with which older versions
 * of Node fill them up (unix(7), proc(5)).
 */
async function lockNames(prefix: string): Promise<string[]> {
  const text = await readFile('/proc/net/unix', 'latin1');
  return [...text.matchAll(/ @([^\s@]+)@*$/gm)]
    .map(([, name]) => name)
    .filter((name) => name.startsWith(prefix));
}

function remedyFor(pid: number, lock: string): string {
  if (pid === process.pid) return 'give it once only, or for reading only each time';
  return lock.includes('-reader-')
    ? 'end that one first, or open the disk with readonly=on'
    : 'end that one first; two guests on one disk destroy it';
}

async function describeProcess(pid: number): Promise<string> {
  if (pid === process.pid) return 'this armemu itself';
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const words = command.split('\0').filter((word) => word !== '');
  return words.length === 0 ? `process ${pid}` : `process ${pid} (${words.slice(0, 4).join(' ')})`;
}
