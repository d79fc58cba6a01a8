import { extractField, type FieldNames } from './pattern.ts';
import type { FieldValues, Row } from './row.ts';

/** Rounds after which V8 has seen numbers and none in each letter: what is new to its compiled code throws that away, a dozen times in a boot. */
const SEEN = 20;

/** What may name a field. */
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnpqrstuvwxy';

type LetterValues = { [L in FieldNames<typeof LETTERS>]: number | undefined };

// Of a parsed text, for V8 makes a dictionary of an object to which so many names are added one by one.
function noValues(): LetterValues {
  const values = JSON.parse(
    `{${[...LETTERS].map((letter) => `"${letter}":null`).join(',')}}`,
  ) as LetterValues;
  for (let round = 1; round <= SEEN; round++) {
    const value = round < SEEN ? round : undefined;
    for (let i = 0; i < LETTERS.length; i++) put(values, LETTERS.charCodeAt(i), value);
  }
  return values;
}

/**
 * `values[letter] = value`, but by the letter's UTF-16 code: V8 looks a name up that is known only at run time, which took longer than
 * all else about a field.
 */
function put(values: LetterValues, letter: number, value: number | undefined): void {
  // biome-ignore format: a table
  switch (letter) {
    case 65: values.A = value; return; case 66: values.B = value; return; case 67: values.C = value; return; case 68: values.D = value; return;
    case 69: values.E = value; return; case 70: values.F = value; return; case 71: values.G = value; return; case 72: values.H = value; return;
    case 73: values.I = value; return; case 74: values.J = value; return; case 75: values.K = value; return; case 76: values.L = value; return;
    case 77: values.M = value; return; case 78: values.N = value; return; case 79: values.O = value; return; case 80: values.P = value; return;
    case 81: values.Q = value; return; case 82: values.R = value; return; case 83: values.S = value; return; case 84: values.T = value; return;
    case 85: values.U = value; return; case 86: values.V = value; return; case 87: values.W = value; return; case 88: values.X = value; return;
    case 89: values.Y = value; return; case 90: values.Z = value; return; case 97: values.a = value; return; case 98: values.b = value; return;
    case 99: values.c = value; return; case 100: values.d = value; return; case 101: values.e = value; return; case 102: values.f = value; return;
    case 103: values.g = value; return; case 104: values.h = value; return; case 105: values.i = value; return; case 106: values.j = value; return;
    case 107: values.k = value; return; case 108: values.l = value; return; case 109: values.m = value; return; case 110: values.n = value; return;
    case 112: values.p = value; return; case 113: values.q = value; return; case 114: values.r = value; return; case 115: values.s = value; return;
    case 116: values.t = value; return; case 117: values.u = value; return; case 118: values.v = value; return; case 119: values.w = value; return;
    case 120: values.x = value; return; case 121: values.y = value; return;
  }
}

/**
 * The fields of one encoding after the other, as `fieldsOf` gives them, but that all letters are there: a block's
 * translation makes no object for each instruction, of another shape for each row.
 */
export class FieldReader {
  private readonly values = noValues();
  private last: Row['fields'] = [];

  /** The values are there until the next call; a letter that the row does not have is undefined. */
  read(row: Row, encoding: number): FieldValues {
    const { values, last } = this;
    const { fields } = row;
    for (let i = 0; i < last.length; i++) put(values, last[i].letter, undefined);
    this.last = fields;
    for (let i = 0; i < fields.length; i++) put(values, fields[i].letter, extractField(fields[i], encoding));
    return values as FieldValues;
  }
}
