/**
 * What a counter is before its constructor makes it 0, where it may come to leave 32 bits. V8 remembers of each field whether it
 * holds small integers only, and throws away all code that knows the object when one no longer does: for counters of instructions
 * that is in the midst of a boot. A field that was this first is one of doubles for ever.
 */
export const WIDE = Number.NaN;
