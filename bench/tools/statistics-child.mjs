/** Runs a bare-metal guest to its end in a fresh process and prints what the engine has done. */
import { readFileSync } from 'node:fs';
import { createMachine } from '../../dist/index.js';

const [kernel, engine] = process.argv.slice(2);
const machine = await createMachine({ kernel: readFileSync(kernel), engine });
await machine.start();
await machine.exited;
console.log(JSON.stringify(machine.statistics()));
await machine.stop();
