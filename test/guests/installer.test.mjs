// Debian's installer, as it is packaged, up to its first question.
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { guestPath, PATIENCE, startMachine } from './guests.mjs';

const IMAGES =
  'debian-installer-12-netboot-armhf/usr/lib/debian-installer/images/12/armhf/text/debian-installer/armhf';

test("Debian's installer asks for the language", async (t) => {
  const image = (name) => {
    const path = guestPath(IMAGES, name);
    return { name: path, bytes: readFileSync(path) };
  };
  const machine = await startMachine(t, {
    machine: 'virt',
    memory: '512M',
    kernel: image('vmlinuz'),
    initrd: image('initrd.gz'),
    append: 'console=ttyAMA0',
  });
  await machine.serial.expect(/Select a language/, { timeout: PATIENCE });
  await machine.serial.expect(/English/, { timeout: PATIENCE });
});
