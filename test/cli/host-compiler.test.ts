import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { HOST_COMPILER_FLAGS } from '../../src/cli/host-compiler.ts';

test('the V8 of this Node has each flag that it is given', () => {
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  expect(HOST_COMPILER_FLAGS.length).toBeGreaterThan(0);
  for (const flag of HOST_COMPILER_FLAGS) {
    const [name, value] = flag.split('=');
    expect(known).toContain(`${name} (`);
    if (value !== undefined) expect(Number(value)).toBeLessThan(2 ** 31);
  }
});
