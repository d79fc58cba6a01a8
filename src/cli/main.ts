#!/usr/bin/env node
import { bundledCommand } from './bundle.ts';
import { tuneHostCompiler } from './host-compiler.ts';

tuneHostCompiler();
const { runCommand } = bundledCommand()?.exports ?? (await import('./command.ts'));
await runCommand();
