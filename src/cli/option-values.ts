import { OptionError } from '../errors.ts';

/**
 * A whole number from the command line.
 * @throws OptionError when it is none
 */
export function wholeNumber(option: string, text: string): number {
  if (!/^\d+$/.test(text)) {
    throw new OptionError(`${option}: '${text}' is no whole number`, `write it in digits: ${option} 2`);
  }
  return Number(text);
}

/** Collects an option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
