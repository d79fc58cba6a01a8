import { expect, test } from 'vitest';
import { parseNics } from '../../src/cli/nic-option.ts';

test('a card is on the user network, or on a hub that cards of the same name share', () => {
  const nics = parseNics([
    'user,mac=02:00:00:00:00:01,bus=pci,hostfwd=tcp::2222-:22',
    'hub=a',
    'none',
    'hub=a',
  ]);
  expect(nics.map(({ network, mac, bus }) => [network.name, mac, bus])).toEqual([
    ['user network', '02:00:00:00:00:01', 'pci'],
    ["hub 'a'", undefined, undefined],
    ["hub 'a'", undefined, undefined],
  ]);
});

test.each([
  '',
  'tap',
  'user,foo=1',
  'user,hostfwd',
  'hub=',
  'hub=a,hostfwd=tcp::1-:1',
  'user,hostfwd=tcp::1',
])('--nic %j is refused with the form to write', (text) => {
  expect(() => parseNics([text])).toThrow(/--nic|hostfwd/);
});
