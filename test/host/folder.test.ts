import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { OptionError } from '../../src/errors.ts';
import { openHostFolder } from '../../src/host/folder.ts';
import { HostErrno, type HostFile, type HostFolder } from '../../src/ports/host-folder.ts';
import { temporaryFolder } from '../temporary-folder.ts';

let outside: string;
let root: string;
let folder: HostFolder;

beforeEach(() => {
  outside = temporaryFolder();
  root = join(outside, 'inside');
  mkdirSync(join(root, 'deep'), { recursive: true });
  writeFileSync(join(outside, 'secret'), 'secret');
  writeFileSync(join(root, 'a.txt'), 'hello');
  folder = openHostFolder(root, '--semihosting');
});

const opened = (name: string, mode: 'r' | 'w' | 'a+' | 'r+'): HostFile => {
  const file = folder.open(name, mode);
  if (typeof file === 'number') throw new Error(`errno ${file}`);
  return file;
};

describe('a folder of the host', () => {
  test('has files to read and to write, also in folders in it', () => {
    const file = opened('a.txt', 'r+');
    expect(file.size()).toBe(5);
    expect(file.write(5, Buffer.from(' world'))).toBe(6);
    const bytes = new Uint8Array(20);
    expect(file.read(3, bytes)).toBe(8);
    expect(Buffer.from(bytes).toString('latin1', 0, 8)).toBe('lo world');
    expect(file.read(100, bytes)).toBe(0);
    file.close();
    opened('deep/new', 'w').write(0, Buffer.from('x'));
    expect(readFileSync(join(root, 'deep/new'), 'utf8')).toBe('x');
  });

  test('gives the numbers of failures', () => {
    expect(folder.open('missing', 'r')).toBe(HostErrno.noEntry);
    expect(folder.remove('missing')).toBeGreaterThan(0);
    const file = opened('a.txt', 'r');
    expect(file.write(0, Buffer.from('x'))).toBe(-HostErrno.badFile);
    file.close();
    expect(file.size()).toBeLessThan(0);
  });

  test('renames and removes files', () => {
    expect(folder.rename('a.txt', 'deep/b.txt')).toBe(0);
    expect(folder.remove('deep/b.txt')).toBe(0);
    expect(existsSync(join(root, 'deep/b.txt'))).toBe(false);
    expect(folder.remove('deep')).toBe(HostErrno.noPermission);
  });

  test.each([
    '../secret',
    'deep/../../secret',
    '/etc/passwd',
    '..',
    '.',
    '',
    'a//b',
    'deep/../a.txt',
    'a\0b',
    '..\\secret',
  ])("can't be left by the name %j", (name) => {
    expect(folder.open(name, 'r')).toBe(HostErrno.noPermission);
    expect(typeof folder.open(name, 'w')).toBe('number');
    expect(folder.remove(name)).toBe(HostErrno.noPermission);
    expect(folder.rename('a.txt', name)).toBe(HostErrno.noPermission);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  test("can't be left by symbolic links, to a file, to a folder, or to what is not there yet", () => {
    symlinkSync(join(outside, 'secret'), join(root, 'link'));
    symlinkSync(outside, join(root, 'up'));
    symlinkSync(join(outside, 'new'), join(root, 'dangling'));
    for (const name of ['link', 'up/secret', 'dangling']) {
      for (const mode of ['r', 'w', 'a+'] as const)
        expect(folder.open(name, mode)).toBe(HostErrno.noPermission);
      expect(folder.remove(name)).toBe(HostErrno.noPermission);
    }
    expect(folder.rename('a.txt', 'up/stolen')).toBe(HostErrno.noPermission);
    expect(existsSync(join(outside, 'new'))).toBe(false);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  test('opens nothing but files: no folder, and no pipe, which would wait for ever', () => {
    expect(typeof folder.open('deep', 'r')).toBe('number');
    execFileSync('mkfifo', [join(root, 'pipe')]);
    expect(folder.open('pipe', 'r')).toBe(HostErrno.noPermission);
  });

  test('must be there, and be a folder', () => {
    expect(() => openHostFolder(join(outside, 'nowhere'), '--semihosting')).toThrow(OptionError);
    expect(() => openHostFolder(join(outside, 'secret'), '--semihosting')).toThrow('is no folder');
  });
});
