import type { Connection } from '@libp2p/interface';
import type { Clock, PeerId } from '@pippa/core';
import { ROUND_TRIP_UNIT_MS, type ControlMessage, type Ping, type Pong } from '@pippa/protocol';
import { RoundTrips } from '../liveness/round-trips.ts';
import type { PeerStream } from '../streams/peer-stream.ts';
import { trafficOf } from '../transport/corked-tcp.ts';
import { tierOf, type InterfaceType } from './classify.ts';

/** Questions are numbered 0 .. 127, so that the number takes one byte; this many are remembered until they are answered. */
const SEQUENCES = 128;
const REMEMBERED_QUESTIONS = 64;
/** Of this many round trips the first figures come; until they are there the peer is asked often. */
const FIRST_ROUND_TRIPS = 4;
const MAX_16_BITS = 65_535;
/** Longer than the stalls that Wi-Fi has every day. */
const SILENT_MS = 1_000;

export interface LinkOptions {
  readonly peer: PeerId;
  readonly connection: Connection;
  readonly control: PeerStream;
  readonly interfaceType: InterfaceType;
  readonly clock: Clock;
  /** Streams over the connection that somebody uses, the control stream among them. */
  readonly streamsInUse: () => number;
}

/** One admitted connection to a peer and the control stream over it. */
export class Link {
  readonly peer: PeerId;
  readonly connection: Connection;
  readonly control: PeerStream;
  readonly interfaceType: InterfaceType;
  readonly roundTrips = new RoundTrips();
  /** Bytes a second, of the last probe over it; 0 before. */
  throughput = 0;
  /** No new streams over it. */
  retiring = false;
  /** The other side has no stream over it and opens none any more: said by it, or said to it. */
  released = false;
  /** This side says goodbye over it and ends it then. */
  leaving = false;
  /** The process at the other end, hexadecimal, as soon as it said hello. */
  instance: string | undefined;
  readonly #clock: Clock;
  readonly #streamsInUse: () => number;
  #lastHeardMs: number;
  /** From when on an answer is missed; undefined while none is. */
  #owedSinceMs: number | undefined;
  /** How soon the other side said that it asks next. */
  #promisedMs = Number.POSITIVE_INFINITY;
  /** What this side said last. */
  #toldMs: number | undefined;
  #sequence = 0;
  readonly #askedMs = new Map<number, number>();
  #lastRoundTripMs = 0;
  #receivedBytes = 0;
  /** What is being written, and the answer that has to wait for it. */
  #writing = false;
  #unanswered: Pong | undefined;

  constructor({ peer, connection, control, interfaceType, clock, streamsInUse }: LinkOptions) {
    this.peer = peer;
    this.connection = connection;
    this.control = control;
    this.interfaceType = interfaceType;
    this.#clock = clock;
    this.#streamsInUse = streamsInUse;
    this.#lastHeardMs = clock.nowMs();
  }

  /** Less is better: the tier, then the measured round trip. */
  get cost(): number {
    return tierOf(this.interfaceType) * 1_000 + Math.min(999, this.roundTrips.summary.p50);
  }

  /** Somebody has a stream over it besides the control stream, or not much is known of it yet. */
  get isBusy(): boolean {
    if (this.roundTrips.count < FIRST_ROUND_TRIPS) return true;
    return this.streamsInUse > 1;
  }

  get streamsInUse(): number {
    return this.#streamsInUse();
  }

  get isOwed(): boolean {
    return this.#owedSinceMs !== undefined;
  }

  get promisedMs(): number {
    return this.#promisedMs;
  }

  get toldMs(): number | undefined {
    return this.#toldMs;
  }

  heardAgoMs(now: number): number {
    return now - this.#lastHeardMs;
  }

  /** For how long an answer has been missed; 0 when none is. */
  silenceMs(now: number): number {
    return this.#owedSinceMs === undefined ? 0 : now - this.#owedSinceMs;
  }

  get isSilent(): boolean {
    return this.silenceMs(this.#clock.nowMs()) >= SILENT_MS;
  }

  /** This process stood still itself: nobody's silence. */
  forgive(stalledMs: number): void {
    this.#lastHeardMs += stalledMs;
    if (this.#owedSinceMs !== undefined) this.#owedSinceMs += stalledMs;
  }

  say(message: ControlMessage): void {
    // A failure shows in the control stream's end.
    this.control.send(message).catch(() => {});
  }

  /** Something came over the connection. */
  heard(): void {
    this.#lastHeardMs = this.#clock.nowMs();
    this.#owedSinceMs = undefined;
  }

  /** Bytes of any stream say that the other side is there. True when some came since the last look. */
  lookForTraffic(): boolean {
    const { receivedBytes } = trafficOf(this.connection);
    if (receivedBytes === this.#receivedBytes) return false;
    this.#receivedBytes = receivedBytes;
    this.heard();
    return true;
  }

  /** Asks whether the other side is there. `missedMs`: for how long it counts as silent already. */
  ask(nextMs: number, missedMs = 0): void {
    const now = this.#clock.nowMs();
    this.#owedSinceMs ??= Math.max(this.#lastHeardMs, now - missedMs);
    this.#toldMs = nextMs;
    // The last one has not got into the socket: another one would wait behind it.
    if (this.#writing) return;
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) % SEQUENCES;
    this.#askedMs.set(sequence, now);
    if (this.#askedMs.size > REMEMBERED_QUESTIONS)
      for (const oldest of this.#askedMs.keys()) {
        this.#askedMs.delete(oldest);
        break;
      }
    const roundTrip = Math.min(MAX_16_BITS, Math.round(this.#lastRoundTripMs / ROUND_TRIP_UNIT_MS));
    this.#write([sequence, Math.min(MAX_16_BITS, nextMs), roundTrip]);
  }

  /** Answers. True when a round trip came with the question. */
  hearPing([sequence, nextMs, roundTrip]: Ping): boolean {
    this.#promisedMs = nextMs;
    this.#answer([sequence]);
    if (roundTrip === 0) return false;
    this.roundTrips.add(roundTrip * ROUND_TRIP_UNIT_MS);
    return true;
  }

  /** When it was asked what is answered now; undefined when that is not known any more. */
  hearPong([sequence]: Pong): number | undefined {
    const askedMs = this.#askedMs.get(sequence);
    if (askedMs === undefined) return undefined;
    this.#askedMs.delete(sequence);
    this.#lastRoundTripMs = this.#clock.nowMs() - askedMs;
    this.roundTrips.add(this.#lastRoundTripMs);
    return askedMs;
  }

  #answer(pong: Pong): void {
    if (this.#writing) this.#unanswered = pong;
    else this.#write(pong);
  }

  #write(message: Ping | Pong): void {
    this.#writing = true;
    this.control
      .send(message)
      .catch(() => {})
      .finally(() => {
        this.#writing = false;
        const pong = this.#unanswered;
        this.#unanswered = undefined;
        if (pong !== undefined) this.#answer(pong);
      });
  }
}
