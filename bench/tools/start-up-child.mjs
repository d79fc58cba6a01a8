/** Makes one machine in a fresh process and prints when things happened, in milliseconds since the process started. */
const began = performance.now();
const { createMachine } = await import('../../dist/index.js');
const imported = performance.now();

const { firstInstruction } = await import('./start-up-guest.mjs');
const kernel = process.argv[2] === 'firmware' ? undefined : firstInstruction;
const before = performance.now();
const machine = await createMachine(kernel ? { kernel } : {});
const made = performance.now();
const first = new Promise((resolve) => {
  // Called when the slice of guest time is over in which the byte was sent.
  machine.serial.onData(() => resolve(performance.now()));
});
await machine.start();
if (!kernel) {
  const output = await first;
  await machine.serial.expect(/armemu> /, { timeout: '60s' });
  console.log(JSON.stringify({ began, before, made, output, prompt: performance.now() }));
  await machine.stop();
} else {
  await machine.exited;
  const ran = performance.now();
  console.log(
    JSON.stringify({ began, imported: imported - began, before, made, ran, cpu: process.cpuUsage() }),
  );
}
