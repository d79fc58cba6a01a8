import { describe, expect, test } from 'vitest';
import { openShares } from '../../src/cli/share-option.ts';
import { ArmemuError } from '../../src/errors.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const folder = temporaryFolder();

describe('--share', () => {
  test('opens a folder with its tag, for writing unless readonly=on says otherwise', () => {
    const shares = openShares([`path=${folder},tag=one`, `path=${folder},tag=two,readonly=on,bus=pci`]);
    expect(shares.map(({ tag, bus, share }) => [tag, bus, share.readOnly])).toEqual([
      ['one', undefined, false],
      ['two', 'pci', true],
    ]);
    for (const { share } of shares) share.close();
  });

  test.each([
    ['tag=x', 'it needs a path and a tag'],
    [`path=${folder}`, 'it needs a path and a tag'],
    [`path=${folder},tag=x,readonly=yes`, "readonly is 'on' or 'off'"],
    [`path=${folder},tag=x,mode=777`, "'mode=777' is no setting"],
    ['path=/nowhere/at-all,tag=x', "can't share the folder '/nowhere/at-all': there is no such file"],
    ['path=/dev/null,tag=x', "can't share the folder '/dev/null'"],
  ])('%s is refused with what to do', (text, message) => {
    let thrown: unknown;
    try {
      openShares([text]);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ArmemuError);
    expect((thrown as ArmemuError).message).toContain(message);
    expect((thrown as ArmemuError).remedy).toBeTruthy();
  });
});
