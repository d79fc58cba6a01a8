import { basename } from 'node:path';
import type { Command } from 'commander';
import { OptionError } from '../errors.ts';
import { checkOutputFile, writeOutputFile } from '../host/files.ts';
import { readTraceFile } from '../host/read-trace-file.ts';
import { summaryOf, summaryText } from '../trace/summary.ts';
import type { CommandIo } from './command-io.ts';
import { ExitCode } from './exit-codes.ts';
import { readPageParts, tracePage } from './trace-page-file.ts';

interface TraceFlags {
  readonly output?: string;
  readonly json?: boolean;
}

const HELP = `
The page needs nothing beside it. It shows what happened when, the address space of each device by time, and tables that
can be sorted and filtered; registers that PCI and NVMe define have their names.

Examples:
  armemu run --vfio 0000:01:00.0 --trace all=nvme.jsonl
  armemu trace nvme.jsonl                 writes nvme.html
  armemu trace nvme.jsonl --json          only says what is in it`;

/** Adds `armemu trace`. */
export function addTraceCommand(program: Command, io: CommandIo, done: (exitCode: number) => void): void {
  program
    .command('trace')
    .description("make a page of a trace that 'armemu run --trace' wrote")
    .argument('<file>', 'the trace')
    .option('-o, --output <file>', "the page (default: the trace's name with .html)")
    .option('--json', 'print what is in the trace, as JSON; write a page only if --output is given')
    .addHelpText('after', HELP)
    .action(async (file: string, flags: TraceFlags) => done(await trace(file, flags, io)));
}

async function trace(file: string, { output, json }: TraceFlags, io: CommandIo): Promise<number> {
  const page = output ?? (json === true ? undefined : `${file.replace(/\.jsonl?$/i, '')}.html`);
  if (page === file) {
    throw new OptionError(`--output: the page would replace the trace '${file}'`, 'give it another name');
  }
  const parts = page === undefined ? undefined : await readPageParts();
  const reader = await readTraceFile(file);
  const { info, columns } = reader.finish(basename(file));
  const summary = summaryOf(reader);
  if (page !== undefined && parts !== undefined) {
    await checkOutputFile(page);
    const html = new TextEncoder().encode(await tracePage(parts, info, columns));
    await writeOutputFile(page, html);
    io.stderr.write(`armemu: ${page} is written: ${(html.length / 1e6).toFixed(1)} MB, for any browser\n`);
  }
  io.stdout.write(json === true ? `${JSON.stringify(summary, null, 2)}\n` : summaryText(summary));
  return ExitCode.ok;
}
