import type { HostTcpEvents, HostTcpSocket } from '../ports/network.ts';
import type { EthernetLink } from './ethernet-link.ts';
import { IPV4_PAYLOAD, TCP_HEADER } from './packet.ts';
import { SendBuffer } from './send-buffer.ts';
import { type Segment, type SegmentHeader, sendSegment, type TcpEnds, TcpFlag } from './tcp-segment.ts';

/** Largest data of one segment. */
const MAXIMUM_SEGMENT = IPV4_PAYLOAD - TCP_HEADER;
/** What a peer takes that says nothing (RFC 9293 3.7.1). */
const DEFAULT_SEGMENT = 536;
/** Our window for what the guest sends: bytes that may wait in the host's socket. */
const RECEIVE_WINDOW = 256 * 1024;
const WINDOW_SCALE = 3;
/** The host's socket is held back while this much waits for the guest. */
const SEND_LIMIT = 256 * 1024;
/** What may be under way to the guest at once, whatever its window: its card must have room for the frames. */
const IN_FLIGHT_LIMIT = 128 * 1024;
/** First waiting time before a segment is sent again; each later one is twice as long (RFC 6298 2, without measuring). */
const RETRANSMIT_NS = 300e6;
const RETRANSMIT_LIMIT = 8;
const RETRIES_WHILE_STOPPED = 4;
const DUPLICATES_FOR_RETRANSMIT = 3;

/** Difference of two sequence numbers, positive when `a` is later. */
function after(a: number, b: number): number {
  return (a - b) | 0;
}

/** What a connection needs of those around it. */
export interface TcpSurroundings {
  readonly link: EthernetLink;
  nowNs(): number;
  /** The connection wants to be called at `deadlineNs`. */
  schedule(): void;
  /** The connection is over; nothing comes from it any more. */
  closed(connection: TcpConnection): void;
}

/** Where a connection stands. */
type Phase =
  /** The guest's SYN came; the host is connecting. */
  | 'connecting'
  /** We sent a SYN, with or without an acknowledgment, that the guest has to acknowledge. */
  | 'opening'
  | 'open'
  | 'closed';

/**
 * One TCP connection of the guest, ended here and carried on by a socket of the host (RFC 9293). The wire to the guest
 * keeps the order and loses frames only where the card is full, so what comes out of order is dropped and asked for again.
 */
export class TcpConnection implements HostTcpEvents {
  readonly ends: TcpEnds;
  /** Virtual time at which it wants `timeOut` to be called; Infinity: never. */
  deadlineNs = Number.POSITIVE_INFINITY;
  private readonly around: TcpSurroundings;
  private socket: HostTcpSocket | undefined;
  private phase: Phase;
  private readonly outgoing = new SendBuffer();
  private readonly initialSequence: number;
  /** SND.UNA, SND.NXT, and the latest that SND.NXT has been. */
  private unacknowledged: number;
  private next: number;
  private latest: number;
  private guestWindow = 0;
  private guestScale = 0;
  private ourScale = 0;
  private segmentSize = DEFAULT_SEGMENT;
  /** RCV.NXT, once the guest's SYN has come. */
  private expected = 0;
  private synchronized = false;
  /** Bytes of the guest that wait in the host's socket. */
  private waiting = 0;
  private advertised = 0;
  private unannounced = 0;
  private acknowledgmentQueued = false;
  private duplicates = 0;
  private retries = 0;
  private held = false;
  /** The host sends no more; the FIN comes behind what waits. */
  private hostEnded = false;
  /** The guest has acknowledged our FIN. */
  private hostFinished = false;
  private guestEnded = false;

  constructor(ends: TcpEnds, initialSequence: number, around: TcpSurroundings) {
    this.ends = ends;
    this.around = around;
    this.phase = 'connecting';
    this.initialSequence = this.unacknowledged = this.next = this.latest = initialSequence >>> 0;
  }

  /** The guest opens it: its SYN is answered when the host's socket has connected. */
  openedByGuest(syn: Segment, connect: (events: HostTcpEvents) => HostTcpSocket): void {
    this.takeSyn(syn);
    this.guestWindow = syn.window;
    this.socket = connect(this);
  }

  /** A client of the host opened it: the guest gets a SYN. */
  openedByHost(socket: HostTcpSocket): void {
    this.socket = socket;
    this.phase = 'opening';
    socket.pause();
    this.held = true;
    this.ourScale = WINDOW_SCALE;
    this.sendOpening();
  }

  /** A segment of the guest for this connection. */
  receive(segment: Segment): void {
    const { flags } = segment;
    if (this.phase === 'connecting') {
      if ((flags & TcpFlag.RST) !== 0) this.drop();
      return;
    }
    if (!this.synchronized) {
      this.receiveOpening(segment);
      return;
    }
    const offset = after(segment.sequence, this.expected);
    if ((flags & TcpFlag.RST) !== 0) {
      // Only one that is in the window (RFC 9293 3.10.7.4).
      if (offset >= 0 && offset <= RECEIVE_WINDOW) this.drop();
      return;
    }
    if ((flags & TcpFlag.SYN) !== 0 && offset < 0) {
      if (this.phase === 'opening') this.sendOpening();
      else this.acknowledge();
      return;
    }
    if ((flags & TcpFlag.ACK) === 0) return;
    this.receiveAcknowledgment(segment);
    if (this.phase === 'open') this.receiveData(segment, offset);
  }

  /** Sends again what the guest has not acknowledged, or looks whether its window is open again. */
  timeOut(): void {
    this.deadlineNs = Number.POSITIVE_INFINITY;
    if (this.phase === 'closed') return;
    if (++this.retries > RETRANSMIT_LIMIT) {
      this.reset();
      return;
    }
    if (this.phase === 'opening') {
      this.sendOpening();
      return;
    }
    this.next = this.unacknowledged;
    this.transmit(true);
  }

  connected(): void {
    if (this.phase !== 'connecting') return;
    this.phase = 'opening';
    this.sendOpening();
  }

  data(bytes: Uint8Array): void {
    if (this.phase === 'closed') return;
    this.outgoing.append(bytes);
    if (this.outgoing.length > SEND_LIMIT && !this.held) {
      this.held = true;
      this.socket?.pause();
    }
    if (this.phase === 'open') this.transmit(false);
  }

  drained(): void {
    if (this.phase !== 'open') return;
    this.waiting = 0;
    // The guest has stopped, or is about to: it is told that there is room again.
    if (this.advertised < RECEIVE_WINDOW / 2) this.acknowledge();
  }

  ended(): void {
    if (this.phase === 'closed') return;
    this.hostEnded = true;
    if (this.phase === 'open') this.transmit(false);
  }

  failed(): void {
    this.reset();
  }

  /** Ends it at once: the guest gets a reset. */
  reset(): void {
    if (this.phase === 'closed') return;
    // A SYN of the guest that could not be carried on is refused (RFC 9293 3.10.7.1).
    this.sendHeader(TcpFlag.RST | TcpFlag.ACK, this.phase === 'connecting' ? 0 : this.next);
    this.drop();
  }

  private drop(): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.deadlineNs = Number.POSITIVE_INFINITY;
    this.socket?.destroy();
    this.around.closed(this);
  }

  private takeSyn(syn: Segment): void {
    this.synchronized = true;
    this.expected = (syn.sequence + 1) >>> 0;
    this.segmentSize = Math.max(1, Math.min(MAXIMUM_SEGMENT, syn.maximumSegmentSize ?? DEFAULT_SEGMENT));
    this.guestScale = syn.windowScale ?? 0;
    // Both ends scale, or none does (RFC 7323 2.2).
    this.ourScale = syn.windowScale === undefined ? 0 : WINDOW_SCALE;
  }

  /** Our SYN, with an acknowledgment when the guest's has come. */
  private sendOpening(): void {
    const answer = this.synchronized;
    const windowScale = answer && this.ourScale === 0 ? undefined : WINDOW_SCALE;
    sendSegment(this.around.link, this.ends, {
      sequence: this.initialSequence,
      acknowledgment: answer ? this.expected : 0,
      flags: TcpFlag.SYN | (answer ? TcpFlag.ACK : 0),
      // The window of a SYN is never scaled (RFC 7323 2.2).
      window: 0xffff,
      synOptions: { maximumSegmentSize: MAXIMUM_SEGMENT, windowScale },
    });
    this.next = this.latest = (this.initialSequence + 1) >>> 0;
    this.wait();
  }

  /** The guest's answer to our SYN (RFC 9293 3.10.7.3). */
  private receiveOpening(segment: Segment): void {
    const { flags } = segment;
    if ((flags & TcpFlag.ACK) === 0 || segment.acknowledgment !== this.next) return;
    if ((flags & TcpFlag.RST) !== 0) this.drop();
    else if ((flags & TcpFlag.SYN) !== 0) {
      this.takeSyn(segment);
      this.open(segment, 0);
      this.acknowledge();
    }
  }

  private open(segment: Segment, scale: number): void {
    this.phase = 'open';
    this.unacknowledged = this.next;
    this.guestWindow = segment.window * 2 ** scale;
    this.settle();
    if (this.held) {
      this.held = false;
      this.socket?.resume();
    }
    this.transmit(false);
  }

  private receiveAcknowledgment(segment: Segment): void {
    const { acknowledgment } = segment;
    if (this.phase === 'opening') {
      if (acknowledgment === this.next) this.open(segment, this.guestScale);
      return;
    }
    if (after(acknowledgment, this.latest) > 0) return;
    const progress = after(acknowledgment, this.unacknowledged);
    if (progress < 0) return;
    const window = segment.window * 2 ** this.guestScale;
    if (progress === 0) {
      // The guest is there, it only has no room.
      this.retries = Math.min(this.retries, RETRIES_WHILE_STOPPED);
      this.countDuplicate(segment, window);
      this.guestWindow = window;
      this.transmit(false);
      return;
    }
    this.guestWindow = window;
    this.duplicates = 0;
    // A FIN takes a number behind the data.
    const data = Math.min(progress, this.outgoing.length);
    this.outgoing.drop(data);
    this.unacknowledged = acknowledgment;
    if (after(this.next, acknowledgment) < 0) this.next = acknowledgment;
    this.settle();
    if (progress > data) {
      this.hostFinished = true;
      this.finishIfBothEnded();
      return;
    }
    if (this.held && this.outgoing.length < SEND_LIMIT / 2) {
      this.held = false;
      this.socket?.resume();
    }
    this.transmit(false);
  }

  /** The same acknowledgment again, without data or news: a segment behind it was lost (RFC 5681 2). */
  private countDuplicate(segment: Segment, window: number): void {
    const lost = this.latest !== this.unacknowledged;
    if (!lost || segment.data.length > 0 || window !== this.guestWindow) return;
    if (++this.duplicates === DUPLICATES_FOR_RETRANSMIT) this.next = this.unacknowledged;
  }

  private receiveData(segment: Segment, offset: number): void {
    const { data } = segment;
    const fin = (segment.flags & TcpFlag.FIN) !== 0;
    if (data.length === 0 && !fin) {
      // A probe of a connection that stands still is answered (RFC 9293 3.8.4).
      if (offset < 0) this.acknowledge();
      return;
    }
    if (offset > 0 || this.guestEnded) {
      this.acknowledge();
      return;
    }
    const fresh = data.subarray(-offset, -offset + Math.max(0, RECEIVE_WINDOW - this.waiting));
    if (fresh.length > 0) {
      this.expected = (this.expected + fresh.length) >>> 0;
      this.waiting = this.socket?.write(fresh) ?? 0;
      this.unannounced += fresh.length;
    }
    if (fin && fresh.length === Math.max(0, data.length + offset) && -offset <= data.length) {
      this.expected = (this.expected + 1) >>> 0;
      this.guestEnded = true;
      this.socket?.end();
      this.acknowledge();
      this.finishIfBothEnded();
    } else if (this.unannounced >= 2 * MAXIMUM_SEGMENT || fresh.length === 0) {
      this.acknowledge();
    } else this.acknowledgeSoon();
  }

  /** After the frames that the guest sends in one go, unless something was sent meanwhile. */
  private acknowledgeSoon(): void {
    if (this.acknowledgmentQueued) return;
    this.acknowledgmentQueued = true;
    queueMicrotask(() => {
      this.acknowledgmentQueued = false;
      if (this.phase === 'open' && this.unannounced > 0) this.acknowledge();
    });
  }

  private acknowledge(): void {
    this.sendHeader(TcpFlag.ACK, this.next);
  }

  private sendHeader(flags: number, sequence: number): void {
    sendSegment(this.around.link, this.ends, this.header(flags, sequence));
  }

  private header(flags: number, sequence: number): SegmentHeader {
    const limit = this.ourScale === 0 ? 0xffff : RECEIVE_WINDOW;
    const room = Math.max(0, limit - this.waiting);
    this.advertised = room;
    this.unannounced = 0;
    return { sequence, acknowledgment: this.expected, flags, window: room >>> this.ourScale };
  }

  /** Sends what the guest's window has room for. @param probe one byte at least */
  private transmit(probe: boolean): void {
    if (this.hostFinished) return;
    const { outgoing } = this;
    const window = Math.max(probe ? 1 : 0, Math.min(this.guestWindow, IN_FLIGHT_LIMIT));
    for (;;) {
      const offset = after(this.next, this.unacknowledged);
      // The FIN has been sent, and is not to be sent again yet.
      if (offset > outgoing.length) break;
      const length = Math.min(outgoing.length - offset, this.segmentSize, window - offset);
      const last = offset + Math.max(0, length) === outgoing.length;
      const fin = this.hostEnded && last && length >= 0;
      if (length <= 0 && !fin) break;
      const flags = TcpFlag.ACK | (last ? TcpFlag.PSH : 0) | (fin ? TcpFlag.FIN : 0);
      const sent = sendSegment(
        this.around.link,
        this.ends,
        this.header(flags, this.next),
        length,
        (frame, at) => {
          if (length > 0) outgoing.copy(offset, length, frame, at);
        },
      );
      if (!sent) break;
      this.next = (this.next + length + (fin ? 1 : 0)) >>> 0;
      if (after(this.next, this.latest) > 0) this.latest = this.next;
      if (fin) break;
    }
    const all = outgoing.length + (this.hostEnded ? 1 : 0);
    if (all > 0 && this.deadlineNs === Number.POSITIVE_INFINITY) this.wait();
  }

  /** Something was acknowledged: what is left gets its full time again. */
  private settle(): void {
    this.retries = 0;
    this.deadlineNs = Number.POSITIVE_INFINITY;
  }

  private wait(): void {
    this.deadlineNs = this.around.nowNs() + RETRANSMIT_NS * 2 ** this.retries;
    this.around.schedule();
  }

  /** The host's socket sends what still waits in it, and is done. */
  private finishIfBothEnded(): void {
    if (!this.hostFinished || !this.guestEnded) return;
    this.phase = 'closed';
    this.deadlineNs = Number.POSITIVE_INFINITY;
    this.around.closed(this);
  }
}
