import {
  EMBEDDED_FIRMWARE_ADDRESSES,
  EMBEDDED_FIRMWARE_BASE64,
  EMBEDDED_FIRMWARE_RAM,
} from './embedded-firmware-image.ts';

/** A distance of so many words, and more to come. */
const FAR = 255;

/**
 * Decodes the embedded firmware; works in Node and in browsers.
 * @param ramBase where the board's RAM starts: the image is linked into it
 * @returns a new array at each call
 */
export function embeddedFirmware(ramBase = EMBEDDED_FIRMWARE_RAM): Uint8Array<ArrayBuffer> {
  const image = decode(EMBEDDED_FIRMWARE_BASE64);
  const view = new DataView(image.buffer);
  let at = 0;
  for (const distance of decode(EMBEDDED_FIRMWARE_ADDRESSES)) {
    at += 4 * (distance || FAR);
    if (distance === 0) continue;
    view.setUint32(at, view.getUint32(at, true) + (ramBase - EMBEDDED_FIRMWARE_RAM), true);
  }
  return image;
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
