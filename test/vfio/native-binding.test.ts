import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PassthroughError } from '../../src/errors.ts';
import { vfio } from '../../src/vfio/index.ts';
import { isNativeError, loadBinding } from '../../src/vfio/native-binding.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { nativeError } from './fake-binding.ts';

function refusal(path: string): PassthroughError {
  try {
    loadBinding(path);
  } catch (error) {
    expect(error).toBeInstanceOf(PassthroughError);
    return error as PassthroughError;
  }
  throw new Error('it loaded');
}

describe('the addon', () => {
  it('that has not been built is named with the command and the package that build it', () => {
    const { message, remedy } = refusal('/nonexistent/armemu_vfio.node');
    expect(message).toContain('/nonexistent/armemu_vfio.node does not exist');
    expect(remedy).toContain('npm run build:native');
    expect(remedy).toContain('apt-get install g++');
  });

  it('that does not load says why', async () => {
    const directory = temporaryFolder();
    const path = join(directory, 'armemu_vfio.node');
    writeFileSync(path, 'not a shared object');
    expect(refusal(path).message).toContain('does not load');
  });

  it('is not needed to name a device: a machine without it can be described', () => {
    const endpoint = vfio('01:00.0');
    expect(endpoint.name).toBe('vfio 0000:01:00.0');
    expect(() => endpoint.description).toThrow(PassthroughError);
  });

  it('throws errors that are told from others by their fields', () => {
    expect(isNativeError(nativeError('open', 'ENOENT'))).toBe(true);
    expect(isNativeError(new Error('open'))).toBe(false);
    expect(isNativeError('EIO')).toBe(false);
  });
});
