import { OptionError } from '../errors.ts';

/**
 * Finds what a person named.
 * @param what the option, for messages: `machine`
 * @throws OptionError that lists every name there is, and suggests the nearest when one is near
 */
export function chooseByName<T extends { readonly name: string }>(
  what: string,
  name: string,
  choices: readonly T[],
): T {
  const found = choices.find((choice) => choice.name === name);
  if (found) return found;
  const names = choices.map((choice) => choice.name);
  const near = nearestName(name, names);
  throw new OptionError(
    `unknown ${what} '${name}'${near === undefined ? '' : `; did you mean '${near}'?`}`,
    `${names.length === 1 ? 'there is' : 'there are'}: ${names.join(', ')}`,
  );
}

/** The name that the fewest typing mistakes turn into `name`; undefined when it takes more than half as many as it has letters. */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 2)) + 1;
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance: letters inserted, removed or replaced. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[j] + 1, current[j - 1] + 1));
    }
    previous = current;
  }
  return previous[b.length];
}
