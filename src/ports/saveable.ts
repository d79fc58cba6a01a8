/**
 * What a saved machine is made of: values that can be written to a file and read back as they were. Typed arrays
 * are saved by their contents.
 */
export type PlainValue =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int32Array
  | Float64Array
  | readonly PlainValue[]
  | { readonly [name: string]: PlainValue };

/**
 * A part of a machine whose whole state is one plain value.
 *
 * `saveState` gives a copy: running on does not change it. `restoreState` takes a state that an equally configured part
 * gave; it drives no output line, for whatever a line leads to restores the level itself. Timers are saved as absolute
 * virtual deadlines in nanoseconds and armed again; the clock is restored before the devices that use it.
 */
export interface Saveable<State extends PlainValue> {
  saveState(): State;
  /** @throws RangeError when the state can't be one of this part: a damaged file, or another configuration */
  restoreState(state: State): void;
}

/**
 * A part that has work under way outside of the machine (a host's disk, a socket). It is drained before a machine is
 * saved: while virtual time stands still, it finishes that work and keeps the results as state.
 */
export interface Drainable {
  /** Resolves when nothing is under way any more; starts nothing new. */
  drain(): Promise<void>;
}
