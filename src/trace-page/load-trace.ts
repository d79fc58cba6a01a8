import type { PageInfo } from '../trace/page-data.ts';
import { Trace } from './trace.ts';

/** Reads the page's own data. */
export async function loadTrace(): Promise<Trace> {
  const info: PageInfo = JSON.parse(document.getElementById('trace-info')?.textContent ?? '');
  const text = document.getElementById('trace-columns')?.textContent?.trim() ?? '';
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return new Trace(info, bytes);
}
