// The page of `armemu trace` in a real browser: what it shows of a trace of NVMe traffic, and how it is worked with.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Browser } from './browser.mjs';
import { nvmeLines } from './nvme-trace.mjs';

const ARMEMU = join(dirname(fileURLToPath(import.meta.url)), '../../dist/cli/main.js');
const MILLION = 1_000_000;

let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'armemu-page-'));
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** Makes a page of a trace as a person does. */
async function pageOf(trace) {
  const page = trace.replace(/\.jsonl$/, '.html');
  await promisify(execFile)(process.execPath, [ARMEMU, 'trace', trace, '--output', page]);
  return page;
}

async function syntheticPage(name, events) {
  const trace = join(folder, `${name}.jsonl`);
  writeFileSync(trace, `${nvmeLines(events).join('\n')}\n`);
  return pageOf(trace);
}

const COUNT = "document.querySelector('.count').textContent";

/** Cells of a column that are in view. */
const column = (tab, id) => `[...document.querySelectorAll('.table.${tab} .slick-row')]
  .sort((a, b) => parseFloat(a.style.top || a.style.transform.slice(11)) - parseFloat(b.style.top || b.style.transform.slice(11)))
  .map((row) => row.children[[...document.querySelectorAll('.table.${tab} .slick-header-column')]
    .findIndex((head) => head.textContent.trim().startsWith(${JSON.stringify(id)}))]?.textContent)`;

/** How many colours a canvas has: 1 when nothing is drawn. */
const colours = (index) => `(() => {
  const canvas = document.querySelectorAll('canvas')[${index}];
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
})()`;

async function search(browser, text) {
  await browser.evaluate(`(() => {
    const box = document.querySelector('.search');
    box.value = ${JSON.stringify(text)};
    box.dispatchEvent(new Event('input'));
  })()`);
}

async function sortBy(browser, tab, title) {
  await browser.evaluate(`[...document.querySelectorAll('.table.${tab} .slick-header-column')]
    .find((head) => head.textContent.trim().startsWith(${JSON.stringify(title)})).click()`);
}

for (const dark of [false, true]) {
  describe(`a page of 20,000 events, ${dark ? 'dark' : 'light'}`, () => {
    let browser;

    before(async () => {
      browser = await Browser.start({ dark });
      await browser.open(pathToFileURL(await syntheticPage(`small-${dark}`, 20_000)).href);
    });

    after(() => browser.close());

    test('says what it is of', async () => {
      const text = await browser.evaluate("document.querySelector('header').textContent");
      assert.match(text, new RegExp(`small-${dark}\\.jsonl20,000 events in .* machine virt,iommu=smmuv2`));
      assert.match(text, /00:01\.0 vfio 0000:01:00\.0 \(1b36:0010, class 010802\): BAR0 16 KiB memory64/);
      assert.equal(await browser.evaluate(COUNT), '20,000 of 20,000 events');
    });

    test('draws both charts', async () => {
      assert.ok((await browser.evaluate(colours(0))) > 20);
      assert.ok((await browser.evaluate(colours(1))) > 20);
      const [r, g, b] = await browser.evaluate(
        'getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)',
      );
      assert.equal((r + g + b) / 3 < 128, dark);
    });

    test('names registers of PCI and NVMe', async () => {
      const names = await browser.evaluate(column('events', 'Register'));
      for (const name of [
        'VENDOR_ID, DEVICE_ID',
        'BASE_ADDRESS_0',
        'COMMAND',
        'MSIX.MESSAGE_CONTROL',
        'CAP',
        'VS',
        'CC',
      ]) {
        assert.ok(names.includes(name), `${name} in ${names}`);
      }
    });

    test('filters by what is typed, by category and by device', async () => {
      await search(browser, 'csts');
      await browser.until(`${COUNT} === '6 of 20,000 events'`);
      assert.deepEqual(new Set(await browser.evaluate(column('events', 'Register'))), new Set(['CSTS']));
      await search(browser, '');
      await browser.until(`${COUNT} === '20,000 of 20,000 events'`);
      for (const category of ['mmio', 'irq', 'iommu', 'config'])
        await browser.click(`.chip.${category} input`);
      const dma = nvmeLines(20_000).filter((line) => line.includes('"category":"dma"')).length;
      await browser.until(`${COUNT} === '${dma} of 20,000 events'`);
      for (const category of ['mmio', 'irq', 'iommu', 'config'])
        await browser.click(`.chip.${category} input`);
      await browser.evaluate(`(() => {
        const choice = document.querySelector('.toolbar .device');
        choice.value = '1';
        choice.dispatchEvent(new Event('change'));
      })()`);
      const edu = nvmeLines(20_000).filter((line) => line.includes('"device":"00:02.0"')).length;
      await browser.until(`${COUNT} === '${edu} of 20,000 events'`);
      await browser.evaluate(`(() => {
        const choice = document.querySelector('.toolbar .device');
        choice.value = '';
        choice.dispatchEvent(new Event('change'));
      })()`);
      await browser.until(`${COUNT} === '20,000 of 20,000 events'`);
    });

    test('sorts, and shows all of the event that is chosen', async () => {
      await sortBy(browser, 'events', 'Size');
      await sortBy(browser, 'events', 'Size');
      assert.equal((await browser.evaluate(column('events', 'Size')))[0], '65,536');
      await sortBy(browser, 'events', 'Time');
      assert.equal((await browser.evaluate(column('events', 'Register')))[0], 'VENDOR_ID, DEVICE_ID');
      await browser.click('.table.events .slick-row .slick-cell');
      const text = await browser.evaluate("document.querySelector('.details').textContent");
      assert.match(
        text,
        /instructions \d.*config read.*0x00101b36 = 1055542 = bits \{20, 12, 11, 9, 8, 5, 4, 2, 1\}/,
      );
    });

    test('zooms to what is dragged over, in both charts and the table, and back', async () => {
      const { left, y, width } = await browser.middleOf('.u-over');
      const before = await browser.evaluate(colours(1));
      await browser.drag(left + 5, y, left + width / 10, y);
      await browser.until(`${COUNT} !== '20,000 of 20,000 events'`);
      const shown = Number((await browser.evaluate(COUNT)).split(' ')[0].replace(',', ''));
      assert.ok(shown > 100 && shown < 19_000, `${shown} events`);
      assert.notEqual(await browser.evaluate(colours(1)), before);
      await browser.click('.all');
      await browser.until(`${COUNT} === '20,000 of 20,000 events'`);
    });

    test('goes to the event that is clicked at', async () => {
      const { left, top, width } = await browser.middleOf('.u-over');
      // The first lane: accesses of registers.
      await browser.drag(left + width * 0.7, top + 10, left + width * 0.7, top + 10);
      await browser.until("document.querySelector('.details').textContent.includes('mmio')");
      assert.ok(await browser.evaluate("document.querySelector('.table.events .slick-row.active') !== null"));
    });

    test('adds up, and lists mappings', async () => {
      await browser.evaluate(
        "[...document.querySelectorAll('.tab')].find((tab) => tab.textContent === 'Totals').click()",
      );
      const names = await browser.evaluate(column('totals', 'Register'));
      for (const name of ['SQ1TDBL', 'CQ1HDBL', 'SQ2TDBL', 'CQ2HDBL', 'vector 1', 'CSTS']) {
        assert.ok(names.includes(name), `${name} in ${names}`);
      }
      await browser.evaluate(
        "[...document.querySelectorAll('.tab')].find((tab) => tab.textContent === 'Mappings').click()",
      );
      assert.match(await browser.evaluate(COUNT), /^([\d,]+) of \1 mappings$/);
      const first = (await browser.evaluate(column('mappings', 'IOVA')))[0];
      assert.equal(first, '0xfffff000');
      await browser.evaluate(
        "[...document.querySelectorAll('.tab')].find((tab) => tab.textContent === 'Events').click()",
      );
    });

    test('asks for nothing, and has no errors', () => assert.deepEqual(browser.complaints, []));
  });
}

describe('a page of a million events', () => {
  let browser;
  let page;

  before(async () => {
    page = await syntheticPage('million', MILLION);
    browser = await Browser.start();
  });

  after(() => browser.close());

  test('is small, and opens', async (context) => {
    const megabytes = statSync(page).size / 1e6;
    assert.ok(megabytes < 20, `${megabytes} MB`);
    const start = performance.now();
    await browser.open(pathToFileURL(page).href);
    context.diagnostic(`${megabytes.toFixed(1)} MB, open after ${Math.round(performance.now() - start)} ms`);
    assert.equal(await browser.evaluate(COUNT), '1,000,000 of 1,000,000 events');
    assert.ok((await browser.evaluate(colours(0))) > 20);
  });

  test('has elements for the rows in view only, down to the last', async () => {
    assert.ok((await browser.evaluate("document.querySelectorAll('.slick-row').length")) < 100);
    await browser.evaluate(`(() => {
      const view = document.querySelector('.table.events .slick-viewport-top.slick-viewport-left');
      view.scrollTop = view.scrollHeight;
    })()`);
    const last = Number(JSON.parse(nvmeLines(MILLION).at(-1)).ns);
    const text = `${Math.floor(last / 1e9)}.${String(last % 1e9).padStart(9, '0')}`;
    await browser.until(`${column('events', 'Time')}.some((time) => time.replaceAll(' ', '') === '${text}')`);
  });

  test('can be worked with', async (context) => {
    const timed = async (what, action) => {
      const start = performance.now();
      await action();
      context.diagnostic(`${what}: ${Math.round(performance.now() - start)} ms`);
    };
    await timed('filter', async () => {
      await search(browser, 'sq1tdbl');
      await browser.until(`${COUNT}.endsWith(' of 1,000,000 events') && !${COUNT}.startsWith('1,000,000')`);
    });
    await search(browser, '');
    await browser.until(`${COUNT}.startsWith('1,000,000')`);
    await timed('sort', () => sortBy(browser, 'events', 'Register'));
    const { left, y, width } = await browser.middleOf('.u-over');
    await timed('zoom', async () => {
      await browser.drag(left + width / 2, y, left + width / 2 + 40, y);
      await browser.until(`!${COUNT}.startsWith('1,000,000')`);
    });
    assert.deepEqual(browser.complaints, []);
  });
});

describe('a trace that armemu wrote of its own firmware', () => {
  test('has the registers of the bus and the interrupts of edu', async () => {
    const trace = join(folder, 'firmware.jsonl');
    const run = promisify(execFile)(process.execPath, [ARMEMU, 'run', '--edu', '--trace', `all=${trace}`]);
    run.child.stdin.end();
    await run;
    const browser = await Browser.start();
    try {
      await browser.open(pathToFileURL(await pageOf(trace)).href);
      // A scan of the bus looks for 31 devices; there are two.
      assert.equal(await browser.evaluate("document.querySelectorAll('.toolbar .device option').length"), 3);
      await search(browser, 'msi.message_control');
      await browser.until(
        `!${COUNT}.startsWith('0 ') && ${column('events', 'Register')}.includes('MSI.MESSAGE_CONTROL')`,
      );
      await search(browser, 'inta');
      await browser.until(`${column('events', 'Operation')}.includes('raise')`);
      assert.deepEqual(browser.complaints, []);
    } finally {
      await browser.close();
    }
  });
});
