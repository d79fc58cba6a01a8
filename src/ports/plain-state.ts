import type { PlainValue } from './saveable.ts';

type TypedArray = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** A deep copy: what changes in one of them later does not show in the other. */
export function copyPlain<Value extends PlainValue>(value: Value): Value {
  return copy(value) as Value;
}

/**
 * Writes a saved state into the live one of an equally configured part. Arrays and objects of `target` stay the same
 * objects. Both must have the same shape: types, names, lengths.
 * @param what names the part in messages
 * @throws RangeError that names the first place where the shapes differ
 */
export function assignPlain(target: PlainValue, state: PlainValue, what: string): void {
  if (!assigns(target, state, what)) throw mismatch(what);
}

function copy(value: PlainValue): PlainValue {
  if (typeof value !== 'object' || value === null) return value;
  if (isTyped(value)) return value.slice();
  if (isList(value)) return value.map(copy);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, copy(part)]));
}

/** @returns false for a value that has no inside to write into: its owner replaces it. */
function assigns(target: PlainValue, state: PlainValue, path: string): boolean {
  if (typeof target !== 'object' || target === null) {
    if (typeof target !== typeof state || (target === null) !== (state === null)) throw mismatch(path);
    if (Number.isNaN(state)) throw mismatch(path);
    return false;
  }
  if (typeof state !== 'object' || state === null) throw mismatch(path);
  if (isTyped(target)) {
    if (!isTyped(state) || state.constructor !== target.constructor || state.length !== target.length) {
      throw mismatch(path);
    }
    target.set(state);
    return true;
  }
  if (isTyped(state) || isList(state) !== isList(target)) throw mismatch(path);
  const into = target as Record<string, PlainValue>;
  const from = state as Record<string, PlainValue>;
  const names = Object.keys(into);
  if (Object.keys(from).length !== names.length) throw mismatch(path);
  for (const name of names) {
    if (!Object.hasOwn(from, name)) throw mismatch(`${path}.${name}`);
    if (!assigns(into[name], from[name], `${path}.${name}`)) into[name] = from[name];
  }
  return true;
}

function isTyped(value: object): value is TypedArray {
  return ArrayBuffer.isView(value);
}

function isList(value: object): value is readonly PlainValue[] {
  return Array.isArray(value);
}

function mismatch(path: string): RangeError {
  return new RangeError(`the state of ${path} has not the shape of this part`);
}
