import assert from 'node:assert/strict';
import { runArmemu } from './armemu.mjs';

/**
 * armemu must refuse: exit code 2 before the guest starts, a message with a remedy under it, no stack trace.
 * @param {string[]} args
 * @param {RegExp[]} expected all of them in what it says
 * @param {import('./armemu.mjs').StartOptions} [options]
 * @returns {Promise<string>} what it said
 */
export async function assertRefused(args, expected, options) {
  const { code, output } = await runArmemu(args, options);
  const context = `armemu ${args.join(' ')}\n${output}`;
  assert.equal(code, 2, `${code}: ${context}`);
  const [message, ...remedy] = output.trimEnd().split('\n');
  assert.match(message, /^armemu: /, context);
  assert.ok(remedy.length > 0 && remedy.every((line) => line.startsWith('  ')), `no remedy: ${context}`);
  assert.doesNotMatch(output, /\n\s+at |\.js:\d+|Error:/, `a stack trace: ${context}`);
  for (const pattern of expected) assert.match(output, pattern, context);
  return output;
}
