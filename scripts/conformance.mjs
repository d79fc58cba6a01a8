// Runs the conformance generator, which is TypeScript, on a Node that has no TypeScript of its own.
import { runnerImport } from 'vite';

const [command, ...args] = process.argv.slice(2);
try {
  const { module } = await runnerImport(
    new URL('../test/conformance/generator/main.ts', import.meta.url).pathname,
    {
      configFile: false,
      logLevel: 'error',
    },
  );
  process.exitCode = await module.main(command, args);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
