import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runTool, TestbedError } from '../../debian/host-tools.mjs';

/**
 * Builds the addon with AddressSanitizer and says what the VM needs to run it. Node itself is not instrumented, so the
 * sanitizer's library must be loaded before everything else.
 * @param {string} repository
 * @param {(line: string) => void} progress
 * @returns {{ libraries: string[], environment: Record<string, string> }}
 */
export function prepareAsan(repository, progress) {
  progress('addon: building with AddressSanitizer');
  try {
    execFileSync(process.execPath, [join(repository, 'native/build.mjs'), '--asan'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } catch {
    throw new TestbedError('the addon does not build with AddressSanitizer', 'node native/build.mjs --asan');
  }
  const library = runTool('g++', ['-print-file-name=libasan.so']).toString().trim();
  if (!existsSync(library)) {
    throw new TestbedError('g++ has no AddressSanitizer library', 'apt-get install g++ (it brings libasan)');
  }
  return {
    libraries: [library],
    environment: {
      LD_PRELOAD: library,
      // V8 frees little at its end, so leaks say nothing. Reports go to files that main.mjs turns into failures.
      ASAN_OPTIONS: 'detect_leaks=0:log_path=/tmp/asan',
      ARMEMU_VFIO_ADDON: '/armemu/native/build-asan/armemu_vfio.node',
    },
  };
}
