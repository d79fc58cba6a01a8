// A person at a terminal: keys for the guest, the monitor and its screendump, and the ways out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMAND, CommandSession, scratchDirectory } from './guests.mjs';

const CTRL_A = '\x01';
const PROMPT = /armemu> $/;
const MONITOR = /\(armemu\) $/;
/** The PL111 on the CoreTile of vexpress-a9 (ARM DDI 0293 3.2), and a picture of 64 by 48 pixels in RAM. */
const SCREEN = [
  ['0x10020000', 0x0c], // LCDTiming0: 16 * (3 + 1) pixels a line
  ['0x10020004', 0x2f], // LCDTiming1: 47 + 1 lines
  ['0x10020010', 0x70000000], // LCDUPBASE
  ['0x70000000', 0x00ff8040], // the first pixel
  ['0x10020018', 0x82b], // LCDControl: on, powered, TFT, 24 bits a pixel
];

/** The command with a pseudo-terminal of util-linux's `script`, which ends with the command's exit code. */
function atTerminal(t, ...args) {
  const words = [process.execPath, COMMAND, 'run', ...args].map((word) => `'${word}'`);
  return new CommandSession(t, ['-qefc', words.join(' '), '/dev/null'], ['script']);
}

test('typed keys go to the guest, Ctrl-A c to the monitor and back; screendump shows what the guest has put on the screen', async (t) => {
  const file = join(scratchDirectory(t), 'screen.png');
  const session = atTerminal(t, '-M', 'vexpress-a9', '-m', '512M');
  await session.expect(PROMPT);

  session.write(`${CTRL_A}c`);
  await session.expect(MONITOR);
  session.write(`screendump ${file}\r`);
  await session.expect(/the guest has not switched the screen on/);
  await session.expect(MONITOR);
  session.write(`${CTRL_A}c\r`);
  await session.expect(PROMPT);

  for (const [address, value] of SCREEN) {
    session.write(`mw ${address} 0x${value.toString(16)} .l\r`);
    await session.expect(/=> ok/);
    await session.expect(PROMPT);
  }
  session.write(`${CTRL_A}c`);
  await session.expect(MONITOR);
  // A typing error is taken back with the key for it.
  session.write(`screendumb\x7fp ${file}\r`);
  await session.expect(/screen\.png[\s\S]*\(armemu\) $/);
  const picture = readFileSync(file);
  assert.equal(picture.toString('latin1', 1, 4), 'PNG');
  assert.deepEqual([picture.readUInt32BE(16), picture.readUInt32BE(20)], [64, 48]);

  session.write('info status\r');
  await session.expect(/running[\s\S]*\(armemu\) $/);
  session.write('sendkey\r');
  await session.expect(/there is no command 'sendkey'; 'help' lists all/);
  session.write('quit\r');
  const [code] = await session.closed;
  assert.equal(code, 0);
});

test('Ctrl-A h shows the keys, Ctrl-C is the guest’s, and Ctrl-A x leaves', async (t) => {
  const session = atTerminal(t, '-M', 'vexpress-a15');
  await session.expect(PROMPT);
  session.write(`${CTRL_A}h`);
  await session.expect(/Ctrl-A x\s+leave/);
  session.write('\x03\r');
  await session.expect(PROMPT);
  session.write(`${CTRL_A}x`);
  const [code] = await session.closed;
  assert.equal(code, 0);
});
