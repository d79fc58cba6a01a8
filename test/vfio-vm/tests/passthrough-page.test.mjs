import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { bindTo, driverOf, groupOf } from '../guest/host.mjs';
import { asPattern, shownCommands } from '../guest/page.mjs';
import { Shell } from '../guest/shell.mjs';
import { ADDRESS } from '../guest/topology.mjs';

const page = readFileSync('/armemu/docs/passthrough.md', 'utf8');
/** The page's device and its group, and those that stand for them here. */
const PAGE_ADDRESS = '0000:02:00.0';
const PAGE_GROUP = /\/dev\/vfio\/(\d+)/.exec(page)[1];

bindTo(ADDRESS.nvme, '');
const shells = { you: new Shell('you'), root: new Shell('root') };

after(() => {
  for (const shell of Object.values(shells)) shell.end();
});

/** A text of the page with the names of this host. */
const here = (text) =>
  text
    .replaceAll(PAGE_ADDRESS, ADDRESS.nvme)
    .replaceAll(`/dev/vfio/${PAGE_GROUP}`, `/dev/vfio/${groupOf(ADDRESS.nvme)}`)
    .replaceAll(`IOMMU group ${PAGE_GROUP}`, `IOMMU group ${groupOf(ADDRESS.nvme)}`);

/** `sudo` in a person's shell is a command of root, which may be about that shell: `$$`. */
async function type({ user, line }) {
  const sudo = /^sudo (.*)$/.exec(line);
  if (sudo === null) return shells[user].run(line);
  const { output } = await shells[user].run('echo $$');
  return shells.root.run(sudo[1].replaceAll('$$', output.trim()));
}

const commands = shownCommands(page);

test('the page leads from lspci to a device that its driver has again', () => {
  assert.match(commands[0].line, /^lspci/);
  assert.match(commands.at(-1).line, /^armemu vfio unbind/);
});

for (const { user, line, output } of commands) {
  test(`${user === 'root' ? '#' : '$'} ${line}`, async () => {
    const printed = await type({ user, line: here(line) });
    assert.match(printed.output.replaceAll('\r', ''), asPattern(output.map(here)));
    // `check` tells by it that something is missing.
    assert.equal(printed.code, /: not ready$/m.test(output.join('\n')) ? 1 : 0, printed.output);
  });
}

test('what the page changed is as it was', () => {
  assert.equal(driverOf(ADDRESS.nvme), 'nvme');
});
