import wabt from 'wabt';

/** What the modules use beyond WebAssembly 1.0. */
const FEATURES = {
  threads: true,
  simd: true,
  tail_call: true,
  sign_extension: true,
  sat_float_to_int: true,
  reference_types: true,
  bulk_memory: true,
} as const;

/** Of wabt's modules; its types do not have what `validate` takes. */
interface WabtModule {
  validate(features: typeof FEATURES): void;
  toText(options: { foldExprs: boolean; inlineExport: boolean }): string;
  destroy(): void;
}

const toolkit = await wabt();

/** @param bytes copied first: wabt reads the whole buffer behind a view. */
function read(bytes: Uint8Array, check: boolean): WabtModule {
  return toolkit.readWasm(bytes.slice(), { ...FEATURES, check });
}

/** @throws Error with wabt's words where its reader or its validator finds fault with a module. */
export function validateByWabt(bytes: Uint8Array): void {
  const module = read(bytes, true);
  try {
    module.validate(FEATURES);
  } finally {
    module.destroy();
  }
}

/** The instructions of a module's functions as wabt writes them, a line each; the module need not be valid. */
export function disassembleByWabt(bytes: Uint8Array): string[] {
  const module = read(bytes, false);
  try {
    return module
      .toText({ foldExprs: false, inlineExport: false })
      .split('\n')
      .filter((line) => /^ {4}\S/.test(line))
      .map((line) => line.trim().replace(/\)+$/, ''));
  } finally {
    module.destroy();
  }
}
