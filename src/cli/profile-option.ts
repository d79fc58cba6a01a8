import { isElf } from '../boot/elf.ts';
import { ImageError, OptionError } from '../errors.ts';
import { checkOutputFile, readGuestImage, writeOutputFile } from '../host/files.ts';
import {
  foldedStacks,
  type GuestImage,
  type Profile,
  readSymbols,
  SymbolTable,
  speedscope,
} from '../index.ts';

const JSON_FILE = /\.json$/i;
const FOLDED_FILE = /\.(folded|txt)$/i;

/** What --profile asks for: the guest's profile, of all its machines where it reboots, in a file. */
export class ProfileFile {
  private readonly path: string;
  private readonly symbols: SymbolTable;
  private readonly profiles: Profile[] = [];

  private constructor(path: string, symbols: SymbolTable) {
    this.path = path;
    this.symbols = symbols;
  }

  /**
   * @param symbolFiles with the names of functions; absent: those of the kernel, where it is an ELF file
   * @throws OptionError for a file of no known kind, and for symbols without a profile
   * @throws ImageError for symbols that can't be read
   * @throws ArmemuError when the file can't be written
   */
  static async open(
    path: string | undefined,
    symbolFiles: readonly string[] | undefined,
    kernel: GuestImage | undefined,
  ): Promise<ProfileFile | undefined> {
    if (path === undefined) {
      if (symbolFiles === undefined) return undefined;
      throw new OptionError('--symbols: there is no profile that they are for', 'give --profile FILE, too');
    }
    if (!JSON_FILE.test(path) && !FOLDED_FILE.test(path)) {
      throw new OptionError(
        `--profile: '${path}' says no format`,
        "end it in '.folded' or '.txt' for folded stacks, in '.json' for speedscope",
      );
    }
    const functions =
      symbolFiles === undefined
        ? kernelSymbols(kernel)
        : (await Promise.all(symbolFiles.map(readSymbolFile))).flat();
    await checkOutputFile(path);
    return new ProfileFile(path, new SymbolTable(functions));
  }

  add(profile: Profile): void {
    this.profiles.push(profile);
  }

  /** @throws ArmemuError when the file can't be written */
  async write(): Promise<void> {
    const { path, symbols, profiles } = this;
    const all: Profile = { samples: () => profiles.flatMap((profile) => profile.samples()) };
    const text = JSON_FILE.test(path) ? speedscope(all, symbols, path) : foldedStacks(all, symbols);
    await writeOutputFile(path, new TextEncoder().encode(text));
  }
}

async function readSymbolFile(path: string) {
  const { bytes, name } = await readGuestImage(path, 'symbols');
  return readSymbols(bytes, name);
}

/** A kernel without names is no mistake: its profile tells pages apart. */
function kernelSymbols(kernel: GuestImage | undefined) {
  if (kernel === undefined || !isElf(kernel.bytes)) return [];
  try {
    return readSymbols(kernel.bytes, kernel.name);
  } catch (error) {
    if (error instanceof ImageError) return [];
    throw error;
  }
}
