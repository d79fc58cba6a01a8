import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Message, MessageReader, MessageWriter, RLERROR } from '../../src/devices/virtio/ninep-messages.ts';
import { NinePServer } from '../../src/devices/virtio/ninep-server.ts';
import { openShare } from '../../src/host/share.ts';
import type { ShareBackend } from '../../src/ports/share.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const ENOENT = 2;
const EACCES = 13;
const EROFS = 30;
const EOPNOTSUPP = 95;
const LIMIT = 8192;
const READ_WRITE = 2;

let folder = '';
let share: ShareBackend;
let client: Client;

/** A client of the protocol that has the folder's root as fid 0. */
class Client {
  readonly server: NinePServer;

  constructor(backend: ShareBackend) {
    this.server = new NinePServer(backend, () => 1_000_000_000n);
    this.call(Message.version, (m) => m.u32(LIMIT).text('9P2000.L'));
    this.call(Message.attach, (m) => m.u32(0).u32(0xffff_ffff).text('root').text('').u32(0));
  }

  /** @returns the answer's fields, or the error's number */
  call(type: number, fill: (message: MessageWriter) => unknown): MessageReader | number {
    const message = new MessageWriter(LIMIT);
    fill(message);
    const answer = this.server.answer(message.finish(type, 7), LIMIT)!;
    expect(new DataView(answer.buffer, answer.byteOffset).getUint32(0, true)).toBe(answer.length);
    expect(answer[5]).toBe(7);
    if (answer[4] === RLERROR) return new MessageReader(answer).u32();
    expect(answer[4]).toBe(type + 1);
    return new MessageReader(answer);
  }

  ok(type: number, fill: (message: MessageWriter) => unknown): MessageReader {
    const answer = this.call(type, fill);
    if (typeof answer === 'number') throw new Error(`message ${type} failed with ${answer}`);
    return answer;
  }

  walk(fid: number, newFid: number, ...names: string[]): MessageReader | number {
    return this.call(Message.walk, (m) => {
      m.u32(fid).u32(newFid).u16(names.length);
      for (const name of names) m.text(name);
    });
  }

  open(fid: number, flags = 0): MessageReader | number {
    return this.call(Message.lopen, (m) => m.u32(fid).u32(flags));
  }

  read(fid: number, offset = 0n, count = 4096): string {
    const answer = this.ok(Message.read, (m) => m.u32(fid).u64(offset).u32(count));
    return new TextDecoder().decode(answer.data(answer.u32()));
  }

  write(fid: number, text: string, offset = 0n): MessageReader | number {
    const bytes = new TextEncoder().encode(text);
    return this.call(Message.write, (m) =>
      m.u32(fid).u64(offset).u32(bytes.length).data(bytes.length).set(bytes),
    );
  }

  create(fid: number, name: string): MessageReader | number {
    return this.call(Message.lcreate, (m) => m.u32(fid).text(name).u32(READ_WRITE).u32(0o644).u32(0));
  }

  names(fid: number, count = 4096): string[] {
    const names: string[] = [];
    for (let offset = 0n; ; ) {
      const answer = this.ok(Message.readdir, (m) => m.u32(fid).u64(offset).u32(count));
      const data = answer.data(answer.u32());
      if (data.length === 0) return names.sort();
      const view = new DataView(data.buffer, data.byteOffset, data.length);
      for (let at = 0; at < data.length; ) {
        offset = view.getBigUint64(at + 13, true);
        const length = view.getUint16(at + 22, true);
        names.push(new TextDecoder().decode(data.subarray(at + 24, at + 24 + length)));
        at += 24 + length;
      }
    }
  }
}

beforeEach(async () => {
  folder = temporaryFolder();
  await mkdir(join(folder, 'shared/inner'), { recursive: true });
  await writeFile(join(folder, 'secret'), 'secret');
  await writeFile(join(folder, 'shared/hello'), 'hello');
  await writeFile(join(folder, 'shared/inner/deep'), 'deep');
  share = openShare(join(folder, 'shared'), false);
  client = new Client(share);
});

afterEach(async () => {
  client.server.reset();
  share.close();
});

describe('a shared folder', () => {
  test('lists, walks and reads', () => {
    client.walk(0, 1);
    client.open(1);
    expect(client.names(1)).toEqual(['hello', 'inner']);
    expect(client.names(1, 40)).toEqual(['hello', 'inner']);
    client.walk(0, 2, 'inner', 'deep');
    client.open(2);
    expect(client.read(2)).toBe('deep');
    expect(client.read(2, 2n)).toBe('ep');
    expect(client.read(2, 100n)).toBe('');
  });

  test('makes files and folders, writes, renames and removes', async () => {
    client.walk(0, 1);
    client.create(1, 'new');
    client.write(1, 'contents');
    client.ok(Message.fsync, (m) => m.u32(1).u32(0));
    expect(await readFile(join(folder, 'shared/new'), 'utf8')).toBe('contents');
    client.ok(Message.mkdir, (m) => m.u32(0).text('box').u32(0o755).u32(0));
    client.walk(0, 2, 'box');
    client.ok(Message.renameat, (m) => m.u32(0).text('new').u32(2).text('moved'));
    expect(await readFile(join(folder, 'shared/box/moved'), 'utf8')).toBe('contents');
    client.ok(Message.unlinkat, (m) => m.u32(2).text('moved').u32(0));
    client.ok(Message.unlinkat, (m) => m.u32(0).text('box').u32(0x200));
    expect(client.walk(0, 3, 'box')).toBe(ENOENT);
  });

  test('changes size and permissions', async () => {
    client.walk(0, 1, 'hello');
    const setattr = (valid: number, mode: number, size: bigint) =>
      client.ok(Message.setattr, (m) => {
        m.u32(1).u32(valid).u32(mode).u32(0).u32(0).u64(size);
        for (let i = 0; i < 4; i++) m.u64(0n);
      });
    setattr(8, 0, 2n);
    expect(await readFile(join(folder, 'shared/hello'), 'utf8')).toBe('he');
    // Without bits that would give a file to another user when it runs.
    setattr(1, 0o4755, 0n);
    const answer = client.ok(Message.getattr, (m) => m.u32(1).u64(0x7ffn));
    answer.data(8 + 13);
    expect(answer.u32() & 0o7777).toBe(0o755);
  });

  test('that is read-only refuses every change', async () => {
    const readOnly = openShare(join(folder, 'shared'), true);
    const reader = new Client(readOnly);
    reader.walk(0, 1, 'hello');
    expect(reader.open(1, READ_WRITE)).toBe(EROFS);
    expect(reader.create(0, 'new')).toBe(EROFS);
    expect(reader.call(Message.unlinkat, (m) => m.u32(0).text('hello').u32(0))).toBe(EROFS);
    expect(reader.call(Message.mkdir, (m) => m.u32(0).text('x').u32(0).u32(0))).toBe(EROFS);
    expect(reader.call(Message.renameat, (m) => m.u32(0).text('hello').u32(0).text('x'))).toBe(EROFS);
    expect(reader.open(1)).not.toBe(EROFS);
    expect(reader.read(1)).toBe('hello');
    reader.server.reset();
    readOnly.close();
  });

  test('finds its open files again in a restored machine; those that are gone are no more', async () => {
    client.walk(0, 1, 'inner', 'deep');
    client.open(1);
    client.walk(0, 2, 'hello');
    const state = client.server.saveState();
    await rm(join(folder, 'shared/hello'));
    const again = new Client(share);
    again.server.restoreState(state);
    expect(again.read(1)).toBe('deep');
    expect(again.open(2)).toBe(9);
    again.server.reset();
  });
});

describe('nothing leads out of a shared folder:', () => {
  test.each([
    ['the folder above', '..'],
    ['an absolute name', '/etc/passwd'],
    ['a path through the folder above', '../secret'],
    ['the folder itself by a dot', '.'],
    ['no name', ''],
    ['a name that ends early', 'hello\0x'],
  ])('not %s', (_what, name) => {
    expect(client.walk(0, 1, name)).toBe(EACCES);
    expect(client.create(0, name)).toBe(EACCES);
    expect(client.call(Message.mkdir, (m) => m.u32(0).text(name).u32(0o755).u32(0))).toBe(EACCES);
    expect(client.call(Message.unlinkat, (m) => m.u32(0).text(name).u32(0))).toBe(EACCES);
    expect(client.call(Message.renameat, (m) => m.u32(0).text('hello').u32(0).text(name))).toBe(EACCES);
  });

  test('not the folder above from inside', () => {
    client.walk(0, 1, 'inner');
    expect(client.walk(1, 2, '..')).toBe(EACCES);
  });

  test('not a symbolic link: it is shown, and neither opened nor walked through', async () => {
    await symlink('../secret', join(folder, 'shared/link'));
    await symlink('..', join(folder, 'shared/up'));
    client.walk(0, 1, 'link');
    expect(client.ok(Message.readlink, (m) => m.u32(1)).text()).toBe('../secret');
    expect(client.open(1)).toBe(EACCES);
    // One name of the two is found.
    const walked = client.walk(0, 2, 'up', 'secret');
    expect(typeof walked === 'number' ? walked : walked.u16()).toBe(1);
    expect(client.open(2)).toBe(9);
    client.walk(0, 3, 'up');
    expect(client.walk(3, 4, 'secret')).toBe(20);
    expect(client.create(0, 'link')).toBe(40);
    expect(await readFile(join(folder, 'secret'), 'utf8')).toBe('secret');
    // A copy of a link is the link again.
    client.walk(1, 5);
    expect(client.open(5)).toBe(EACCES);
  });

  test('not a folder that becomes a symbolic link after it was looked up', async () => {
    client.walk(0, 1, 'inner');
    await rename(join(folder, 'shared/inner'), join(folder, 'shared/was'));
    await symlink('..', join(folder, 'shared/inner'));
    expect(client.walk(1, 2, 'secret')).toBe(ENOENT);
    client.walk(1, 3, 'deep');
    client.open(3);
    expect(client.read(3)).toBe('deep');
  });

  test('not by links or device files that the guest makes', () => {
    const symlinked = client.call(Message.symlink, (m) => m.u32(0).text('x').text('/etc').u32(0));
    const linked = client.call(Message.link, (m) => m.u32(0).u32(0).text('x'));
    const made = client.call(Message.mknod, (m) => m.u32(0).text('x').u32(0o60644).u32(8).u32(0).u32(0));
    expect([symlinked, linked, made]).toEqual([EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP]);
  });
});

test('messages of random bytes are answered, and give nothing away', () => {
  let seed = 7;
  const random = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed >>> 16;
  };
  const types = Object.values(Message);
  for (let i = 0; i < 3000; i++) {
    const bytes = Uint8Array.from({ length: random() % 64 }, () => random() % (i % 2 === 0 ? 4 : 256));
    if (bytes.length > 4) bytes[4] = types[random() % types.length];
    const answer = client.server.answer(bytes, LIMIT);
    if (bytes.length >= 7) expect(answer?.length).toBeGreaterThanOrEqual(7);
  }
});
