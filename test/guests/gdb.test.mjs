// gdb-multiarch against a machine: what a person at gdb's prompt sees.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GdbSocket } from '../../dist/host/index.js';
import { createMachine } from '../../dist/index.js';
import { scratchDirectory } from './guests.mjs';

const PROGRAM = `
volatile int counter;
volatile int watched;
int add(int a, int b)
{
  counter++;
  return a + b;
}
int main(void)
{
  int sum = 0;
  for (int i = 0; ; i++) {
    sum = add(sum, i);
    if (i % 3 == 0)
      watched = sum;
  }
}
void _start(void) __attribute__((naked));
void _start(void)
{
  __asm__ volatile("ldr sp, =0x40400000; bl main");
}
`;

const COMMANDS = `
info threads
break add
continue
backtrace
print/x $cpsr & 0x1f
delete
watch watched
continue
continue
delete
rwatch counter
continue
delete
tbreak add if b == 20
continue
print b
finish
set var counter = 1000
print counter
stepi
set $r7 = 0x12345678
print/x $r7
set $d3 = 1.5
print $d3
print/x $fpscr
thread 2
monitor info status
monitor info mtree
kill
`;

for (const mode of ['-marm', '-mthumb']) {
  test(`gdb-multiarch debugs a program, ${mode}`, async (t) => {
    const directory = scratchDirectory(t);
    const [source, elf, script] = ['program.c', 'program.elf', 'commands.gdb'].map((name) =>
      join(directory, name),
    );
    writeFileSync(source, PROGRAM);
    writeFileSync(script, `set pagination off\nset confirm off\n${COMMANDS}`);
    const options = [
      '-mcpu=cortex-a15',
      mode,
      '-g',
      '-O0',
      '-nostdlib',
      '-Wl,-Ttext=0x40100000,-Tdata=0x40180000',
    ];
    const built = spawnSync('arm-none-eabi-gcc', [...options, source, '-o', elf], { encoding: 'utf8' });
    assert.equal(built.status, 0, `${built.error ?? ''}${built.stderr}`);

    const machine = await createMachine({ memory: '16M', smp: 2, kernel: readFileSync(elf) });
    t.after(() => machine.stop());
    const socket = await GdbSocket.listen({ host: '127.0.0.1', port: 0 });
    t.after(() => socket.close());
    socket.serve(machine);
    await machine.start({ stopped: true });
    const gdb = spawn('gdb-multiarch', [
      '-batch',
      '-nx',
      '-ex',
      `target remote ${socket.address}`,
      '-x',
      script,
      elf,
    ]);
    let output = '';
    for (const stream of [gdb.stdout, gdb.stderr]) {
      stream.on('data', (bytes) => {
        output += bytes;
      });
    }
    await once(gdb, 'close');
    for (const pattern of [
      /\* 1 +Thread 1 \(CPU 0, on\)[\s\S]* 2 +Thread 2 \(CPU 1, off\)/,
      /Thread 1 hit Breakpoint 1, add \(a=0, b=0\)[\s\S]*#1 .* in main \(\)/,
      /\$1 = 0x13/,
      /watched\s+Old value = 0\s+New value = 6[\s\S]*Old value = 6\s+New value = 21/,
      /hit Hardware read watchpoint 3: counter\s+Value = 7/,
      /hit Temporary breakpoint 4, add \(a=190, b=20\)[\s\S]*\$2 = 20/,
      /Value returned is \$3 = 210/,
      /\$4 = 1000/,
      /\$5 = 0x12345678/,
      /\$6 = 1\.5/,
      /stopped: debugger/,
      /09000000-09000fff uart0/,
    ]) {
      assert.match(output, pattern, output);
    }
    assert.equal((await machine.exited).reason, 'stopped');
  });
}
