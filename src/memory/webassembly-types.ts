/**
 * The part of the WebAssembly JavaScript API that armemu uses. Node's types leave it to the DOM library, which the
 * core must not see: it would let browser-only code in.
 */
declare global {
  namespace WebAssembly {
    interface MemoryDescriptor {
      initial: number;
      maximum?: number;
      shared?: boolean;
    }
    interface Memory {
      readonly buffer: ArrayBuffer;
      grow(delta: number): number;
    }
    var Memory: { prototype: Memory; new (descriptor: MemoryDescriptor): Memory };
  }
}

export {};
