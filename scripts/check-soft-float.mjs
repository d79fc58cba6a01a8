// Compares src/arm/fp with the host's floating-point unit; the comparison is TypeScript, on a Node that has no TypeScript of its own.
import { runnerImport } from 'vite';

const args = process.argv.slice(2);
try {
  const { module } = await runnerImport(new URL('../test/soft-float/main.ts', import.meta.url).pathname, {
    configFile: false,
    logLevel: 'error',
  });
  process.exitCode = await module.main(args);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
