import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { ArmemuError } from '../errors.ts';
import type { PageInfo } from '../trace/page-data.ts';

/** What all pages have in common, as `npm run build` makes it. */
export interface PageParts {
  readonly script: string;
  readonly style: string;
}

/** @throws ArmemuError when armemu was not built */
export async function readPageParts(): Promise<PageParts> {
  const read = (name: string): Promise<string> =>
    readFile(new URL(`../trace-page/${name}`, import.meta.url), 'utf8');
  try {
    const [script, style] = await Promise.all([read('page.js'), read('page.css')]);
    return { script, style };
  } catch (cause) {
    throw new ArmemuError(
      "armemu's own script for the pages of traces is missing",
      'build it: npm run build',
      {
        cause,
      },
    );
  }
}

/** One HTML file that needs nothing beside it: no server, no network. */
export async function tracePage(
  { script, style }: PageParts,
  info: PageInfo,
  columns: readonly Uint8Array[],
): Promise<string> {
  const packed = await promisify(deflateRaw)(Buffer.concat(columns));
  // What a trace says must not end the element that it stands in.
  const json = JSON.stringify(info).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>${escaped(info.title)} - armemu trace</title>
<style>${style}</style>
</head>
<body>
<main id="page"><p>${info.events.toLocaleString('en-US')} events are unpacked ...</p></main>
<script type="application/json" id="trace-info">${json}</script>
<script type="application/octet-stream" id="trace-columns">${packed.toString('base64')}</script>
<script type="module">${script.replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
