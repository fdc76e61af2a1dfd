import type { Connection } from '@libp2p/interface';
import type { Clock, PeerId } from '@pippa/core';
import type { ControlMessage, Heartbeat } from '@pippa/protocol';
import { RoundTrips } from '../liveness/round-trips.ts';
import type { PeerStream } from '../streams/peer-stream.ts';
import { tierOf, type InterfaceType } from './classify.ts';

/** Heartbeats whose time is remembered until they are echoed. */
const REMEMBERED_HEARTBEATS = 64;

/** One admitted connection to a peer and the control stream over it. */
export class Link {
  readonly peer: PeerId;
  readonly connection: Connection;
  readonly control: PeerStream;
  readonly interfaceType: InterfaceType;
  readonly roundTrips = new RoundTrips();
  /** No new streams over it. */
  retiring = false;
  lastHeardMs: number;
  readonly #clock: Clock;
  #sequence = 0;
  readonly #sentMs = new Map<number, number>();
  #echo = -1;
  #heardHeartbeatMs = 0;
  #writing = false;

  constructor(options: {
    readonly peer: PeerId;
    readonly connection: Connection;
    readonly control: PeerStream;
    readonly interfaceType: InterfaceType;
    readonly clock: Clock;
  }) {
    this.peer = options.peer;
    this.connection = options.connection;
    this.control = options.control;
    this.interfaceType = options.interfaceType;
    this.#clock = options.clock;
    this.lastHeardMs = options.clock.nowMs();
  }

  /** Less is better: the tier, then the measured round trip. */
  get cost(): number {
    return tierOf(this.interfaceType) * 1_000 + Math.min(999, this.roundTrips.summary.p50);
  }

  say(message: ControlMessage): void {
    // A failure shows in the control stream's end.
    this.control.send(message).catch(() => {});
  }

  /** Leaves a beat out while the last one has not got into the socket. */
  beat(): void {
    if (this.#writing) return;
    const now = this.#clock.nowMs();
    const sequence = this.#sequence++;
    this.#sentMs.set(sequence, now);
    if (this.#sentMs.size > REMEMBERED_HEARTBEATS)
      for (const oldest of this.#sentMs.keys()) {
        this.#sentMs.delete(oldest);
        break;
      }
    const held = this.#echo < 0 ? 0 : Math.max(0, Math.round((now - this.#heardHeartbeatMs) * 1_000));
    this.#writing = true;
    this.control
      .send([sequence, this.#echo, held])
      .catch(() => {})
      .finally(() => {
        this.#writing = false;
      });
  }

  /** True when a round trip came of it. */
  hearBeat([sequence, echo, heldMicroseconds]: Heartbeat): boolean {
    const now = this.#clock.nowMs();
    this.#echo = sequence;
    this.#heardHeartbeatMs = now;
    const sent = this.#sentMs.get(echo);
    if (sent === undefined) return false;
    this.#sentMs.delete(echo);
    this.roundTrips.add(now - sent - heldMicroseconds / 1_000);
    return true;
  }
}
