/** Registers of the PL111 (ARM DDI 0293 table 3-1). */
export const LCD = {
  Timing0: 0x000,
  Timing1: 0x004,
  Timing2: 0x008,
  Timing3: 0x00c,
  UPBASE: 0x010,
  LPBASE: 0x014,
  Control: 0x018,
  IMSC: 0x01c,
  RIS: 0x020,
  MIS: 0x024,
  ICR: 0x028,
  UPCURR: 0x02c,
  LPCURR: 0x030,
  /** 128 words of two entries each. */
  Palette: 0x200,
  PaletteEnd: 0x400,
  /** The cursor's image and registers. */
  CursorImage: 0x800,
  CursorEnd: 0xc30,
  /** CLCDPeriphID0 to 3 and CLCDPCellID0 to 3 follow each other. */
  PeriphID0: 0xfe0,
} as const;

/** LCDControl (3.2.7). */
export const LcdControl = {
  LcdEn: 0x0001,
  /** Bits per pixel, by its number in three bits from bit 1. */
  BPP_SHIFT: 1,
  BGR: 0x0100,
  BEBO: 0x0200,
  BEPO: 0x0400,
  LcdPwr: 0x0800,
  WRITABLE: 0x0001_3fff,
} as const;

/** LCDRIS, LCDMIS, LCDIMSC, LCDICR (3.2.8 to 3.2.11). */
export const LcdInterrupt = {
  /** The base addresses were taken, at the start of a frame. */
  LNBU: 0x04,
  Vcomp: 0x08,
  MBERROR: 0x10,
  ALL: 0x1e,
} as const;

/** Pixels per line and lines (3.2.1, 3.2.2): 16 to 1024 and 1 to 1024. */
export function sizeOf(
  timing0: number,
  timing1: number,
): { readonly width: number; readonly height: number } {
  return { width: 16 * (((timing0 >>> 2) & 0x3f) + 1), height: (timing1 & 0x3ff) + 1 };
}

/** Clocks of the panel that a frame takes, its blanking included (3.2.1 to 3.2.3). */
export function clocksPerFrame(timing0: number, timing1: number, timing2: number): number {
  const { width, height } = sizeOf(timing0, timing1);
  const field = (value: number, shift: number): number => ((value >>> shift) & 0xff) + 1;
  const line = width + field(timing0, 8) + field(timing0, 16) + field(timing0, 24);
  const lines = height + ((timing1 >>> 10) & 0x3f) + 1 + ((timing1 >>> 16) & 0xff) + (timing1 >>> 24);
  // BCD: the panel's clock is CLCDCLK itself.
  const divisor = timing2 & 0x0400_0000 ? 1 : (((timing2 >>> 27) << 5) | (timing2 & 0x1f)) + 2;
  return line * lines * divisor;
}
