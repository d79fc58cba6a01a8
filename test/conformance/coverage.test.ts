import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeVectors, encodeVectors } from './codec.ts';
import { groupName } from './generator/candidate.ts';
import { SETS, vectorFilePath } from './vector-files.ts';

const ENOUGH = 100;

function countsOf(name: string): Map<string, number> {
  const { groups } = decodeVectors(readFileSync(vectorFilePath(name)));
  return new Map(groups.map(({ name: group, vectors }) => [group, vectors.length]));
}

describe('the committed vectors', () => {
  for (const { name, rows } of SETS) {
    it(`have ${ENOUGH} or more of every row of the ${name} table`, () => {
      const counts = countsOf(name);
      const few = rows.map(groupName).filter((group) => (counts.get(group) ?? 0) < ENOUGH);
      expect(few).toEqual([]);
    });

    it(`have no vectors of rows that the ${name} table no longer has`, () => {
      const names = new Set(rows.map(groupName));
      expect([...countsOf(name).keys()].filter((group) => !names.has(group))).toEqual([]);
    });
  }

  it('have several thousand cases of translation and of exceptions', () => {
    const counts = [...countsOf('system')];
    const sum = (kind: string): number =>
      counts.filter(([group]) => group.startsWith(kind)).reduce((total, [, count]) => total + count, 0);
    expect(sum('MMU')).toBeGreaterThan(3000);
    expect(sum('exception')).toBeGreaterThan(3000);
  });

  it('have several thousand random blocks', () => {
    const counts = [...countsOf('random').values()];
    expect(counts.reduce((total, count) => total + count, 0)).toBeGreaterThan(5000);
  });

  it('come out of their file as they went in', () => {
    const file = decodeVectors(readFileSync(vectorFilePath('system')));
    expect(decodeVectors(encodeVectors(file))).toEqual(file);
  });
});
