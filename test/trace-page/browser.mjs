// A headless chromium over its debugging pipe: what the tests of the page need of it, and no more.
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Chromium's path, or its name where it is to be searched. */
const CHROMIUM = process.env.CHROMIUM ?? 'chromium';
const ANSWER_MS = 120_000;

/** One browser with one page. */
export class Browser {
  #child;
  #profile;
  #session;
  #last = 0;
  #waiting = new Map();
  /** What the page has said in its console, and its errors. */
  complaints = [];

  /** @param {{ width?: number, height?: number, dark?: boolean }} settings */
  static async start({ width = 1400, height = 1000, dark = false } = {}) {
    const browser = new Browser();
    browser.#profile = mkdtempSync(join(tmpdir(), 'armemu-browser-'));
    browser.#child = spawn(
      CHROMIUM,
      [
        '--headless',
        '--disable-gpu',
        '--remote-debugging-pipe',
        '--no-first-run',
        '--disable-dev-shm-usage',
        // Its pages are our own; its sandbox asks for more than a container gives.
        '--no-sandbox',
      ].concat(`--user-data-dir=${browser.#profile}`, `--window-size=${width},${height}`, 'about:blank'),
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    );
    browser.#child.once('error', (error) => browser.#failAll(error));
    browser.#child.once('exit', () => browser.#failAll(new Error('chromium has ended')));
    browser.#listen();
    const { targetInfos } = await browser.#send('Target.getTargets');
    const { targetId } = targetInfos.find(({ type }) => type === 'page');
    const { sessionId } = await browser.#send('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = sessionId;
    await browser.send('Page.enable');
    await browser.send('Runtime.enable');
    await browser.send('Network.enable');
    const scheme = { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' };
    await browser.send('Emulation.setEmulatedMedia', { features: [scheme] });
    await browser.send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    return browser;
  }

  /** A command of the DevTools protocol for the page. */
  send(method, params = {}) {
    return this.#send(method, params, this.#session);
  }

  /** What an expression has for a value in the page; promises are waited for. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true in the page. */
  async until(expression) {
    const end = Date.now() + ANSWER_MS;
    while (!(await this.evaluate(`Boolean(${expression})`))) {
      if (Date.now() > end) throw new Error(`in vain waited for: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Opens a page of `armemu trace` and waits until it is there. */
  async open(url) {
    await this.send('Page.navigate', { url });
    await this.until(
      "document.documentElement?.dataset.ready === 'yes' || document.body?.innerText.includes(\"can't be shown\")",
    );
  }

  /** The middle of what a selector finds. */
  async middleOf(selector) {
    return this.evaluate(`(() => {
      const { x, y, width, height } = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2, left: x, top: y, width, height };
    })()`);
  }

  async click(selector) {
    const { x, y } = await this.middleOf(selector);
    await this.drag(x, y, x, y);
  }

  /** Presses the mouse at a place, releases it at another. */
  async drag(x, y, toX, toY) {
    const mouse = (type, at) =>
      this.send('Input.dispatchMouseEvent', { type, button: 'left', buttons: 1, clickCount: 1, ...at });
    await mouse('mouseMoved', { x, y, buttons: 0 });
    await mouse('mousePressed', { x, y });
    if (toX !== x || toY !== y) {
      await mouse('mouseMoved', { x: (x + toX) / 2, y: (y + toY) / 2 });
      await mouse('mouseMoved', { x: toX, y: toY });
    }
    await mouse('mouseReleased', { x: toX, y: toY });
  }

  /** The page as a PNG. */
  async screenshot() {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  }

  async close() {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
    // Its other processes end a little later, and write until then.
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 40, retryDelay: 100 });
  }

  #listen() {
    let text = '';
    const [, , , , output] = this.#child.stdio;
    output.setEncoding('utf8');
    output.on('data', (piece) => {
      const messages = (text + piece).split('\0');
      text = messages.pop();
      for (const message of messages) this.#receive(JSON.parse(message));
    });
  }

  #receive({ id, method, params, result, error }) {
    if (method === 'Runtime.exceptionThrown')
      this.complaints.push(params.exceptionDetails.exception?.description);
    if (method === 'Network.requestWillBeSent') this.complaints.push(...outside(params.request.url));
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }

  #send(method, params = {}, sessionId = undefined) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  #failAll(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** The page must need nothing but itself. */
function outside(url) {
  return url.startsWith('file:') || url.startsWith('data:') ? [] : [`the page asks for ${url}`];
}
