import { OptionError } from '../errors.ts';
import { TraceFile } from '../host/trace-file.ts';
import type { MachineOptions } from '../machine/options.ts';
import { TRACE_CATEGORIES, type TraceCategory } from '../trace/events.ts';

/** Where a trace goes that is given no file: one that can grow to millions of lines is of no use in a terminal. */
const DEFAULT_FILE = 'armemu-trace.jsonl';

/** What --trace asks for. */
export interface TraceFlag {
  readonly categories: readonly TraceCategory[];
  readonly path: string;
}

/**
 * Reads `CATEGORY[,CATEGORY...][=FILE]`.
 * @throws OptionError for an unknown category, and for an empty file name
 */
export function parseTrace(flag: string): TraceFlag {
  const equals = flag.indexOf('=');
  const names = equals < 0 ? flag : flag.slice(0, equals);
  const path = equals < 0 ? DEFAULT_FILE : flag.slice(equals + 1);
  if (path === '') throw new OptionError('--trace: no file behind the =', `leave it out for ${DEFAULT_FILE}`);
  const wanted = names.split(',');
  const unknown = wanted.find((name) => name !== 'all' && !isCategory(name));
  if (unknown !== undefined) {
    throw new OptionError(
      `--trace: there is no category '${unknown}'`,
      `name some of ${TRACE_CATEGORIES.join(', ')}, or 'all'; a file comes behind an =: --trace all=FILE`,
    );
  }
  const all = wanted.includes('all');
  return { categories: TRACE_CATEGORIES.filter((category) => all || wanted.includes(category)), path };
}

/** A run's trace: of all its machines, where the guest reboots. */
export class RunTrace {
  private readonly file: TraceFile;
  private readonly say: (line: string) => unknown;
  /** What each machine is told. */
  readonly option: NonNullable<MachineOptions['trace']>;

  /** @throws TraceError when the file can't be written */
  constructor({ categories, path }: TraceFlag, say: (line: string) => unknown) {
    this.say = say;
    this.file = new TraceFile(path, (message) => say(`warning: ${message}`));
    this.option = { categories, sink: this.file.sink };
  }

  /** @throws TraceError when a part of it is missing */
  close(): void {
    this.file.close();
    const { records, path } = this.file;
    this.say(`trace: ${records} records in ${path}; to see them: armemu trace ${path}`);
  }
}

function isCategory(name: string): boolean {
  return TRACE_CATEGORIES.some((category) => category === name);
}
