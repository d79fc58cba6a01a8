// Debian's EDK2 (AAVMF32) from two flash banks to the UEFI shell.
import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFlashFile } from '../../dist/host/index.js';
import { guestPath, PATIENCE, scratchDirectory, startMachine } from './guests.mjs';

const FIRMWARE = 'qemu-efi-arm/usr/share/AAVMF';
// A vendor's own namespace: the firmware lets nobody invent names in the global one.
const VARIABLE = 'armemu -guid 5f2e8a10-7c44-4d0b-9a35-0d9b1e6f4a21';

/** Boots to the shell. @returns what runs a command there and gives what it printed, without cursor movements. */
async function uefiShell(t, vars, options = {}) {
  const code = await openFlashFile(guestPath(FIRMWARE, 'AAVMF32_CODE.fd'), { readOnly: true });
  const machine = await startMachine(t, {
    machine: 'virt',
    memory: '512M',
    pflash: [code, await openFlashFile(vars)],
    ...options,
  });
  await machine.serial.expect(/to skip .*startup\.nsh/, { timeout: PATIENCE });
  machine.serial.write('\x1b');
  await machine.serial.expect(/Shell> /, { timeout: PATIENCE });
  const shell = async (command) => {
    machine.serial.write(`${command}\r`);
    const [text] = await machine.serial.expect(/\r?\n[\s\S]*?Shell> /, { timeout: PATIENCE });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the shell draws with them
    return text.replace(/\x1b\[[\d;=]*[A-Za-z]/g, '').replaceAll('\r', '');
  };
  return { machine, shell };
}

function newVariables(t) {
  const path = join(scratchDirectory(t), 'vars.fd');
  copyFileSync(guestPath(FIRMWARE, 'AAVMF32_VARS.fd'), path);
  return path;
}

async function shutDown(machine) {
  machine.serial.write('reset -s\r');
  assert.deepEqual(await machine.exited, { reason: 'poweroff', code: 0 });
}

test('a variable that was set in the UEFI shell is there in the next run', async (t) => {
  const vars = newVariables(t);
  const first = await uefiShell(t, vars);
  assert.match(await first.shell('map'), /Mapping table/);
  assert.match(await first.shell('pci'), /Bridge Device - Host\/PCI bridge\n\s+Vendor 1B36 Device 0008/);
  assert.match(await first.shell('dh -p pciio'), /PciIo/i);
  await first.shell(`setvar ${VARIABLE} -bs -rt -nv =2a2b2c`);
  await shutDown(first.machine);

  const second = await uefiShell(t, vars);
  assert.match(await second.shell(`setvar ${VARIABLE}`), /2A 2B 2C/i);
  await shutDown(second.machine);
});

test('the firmware boots the kernel of --kernel, with its initial RAM disk, by fw_cfg', async (t) => {
  const tree = guestPath('linux-image-armmp');
  const kernel = readdirSync(`${tree}/boot`).find((name) => name.startsWith('vmlinuz-'));
  const code = await openFlashFile(guestPath(FIRMWARE, 'AAVMF32_CODE.fd'), { readOnly: true });
  const machine = await startMachine(t, {
    machine: 'virt',
    memory: '512M',
    pflash: [code, await openFlashFile(newVariables(t))],
    kernel: readFileSync(`${tree}/boot/${kernel}`),
    initrd: readFileSync(`${tree}/initrd.gz`),
    append: 'console=ttyAMA0 earlycon=pl011,0x9000000 by-firmware',
  });
  await machine.serial.expect(/EFI stub: Loaded initrd/, { timeout: PATIENCE });
  await machine.serial.expect(/EFI stub: Exiting boot services/, { timeout: PATIENCE });
  await machine.serial.expect(/Kernel command line: .*by-firmware/, { timeout: PATIENCE });
});
