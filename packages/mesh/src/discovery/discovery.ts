import type { Clock, PeerId } from '@pippa/core';
import { encodeAnnouncement, encodeQuestion, hear, hostOf, type Announcement } from './announcement.ts';
import { onLink, type LocalAddress } from './interfaces.ts';
import { MulticastChannel } from './multicast-channel.ts';

/** Answers are at least this far apart: one serves all who asked meanwhile. */
const ANSWER_GAP_MS = 250;
/** How often the machine's addresses are looked at. */
const RESCAN_MS = 1_000;
/** Waits between the first questions; then `intervalMs`, which grows to `MAX_INTERVAL_MS` while nothing new is heard. */
const FIRST_WAITS_MS = [0, 200, 500, 1_000] as const;
const MAX_INTERVAL_MS = 20_000;
const MAX_NEARBY = 1_024;
const NEARBY_TTL_MS = 90_000;

export interface DiscoveryParts {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** `0 <= n < 1` */
  readonly random: () => number;
  /** 5353, but for tests. */
  readonly port: number;
  /** Those to send over and to accept peers in. */
  interfaces(): readonly LocalAddress[];
  /** What this node says of itself; undefined while it has nothing to say. */
  announcement(): Announcement | undefined;
  onHeard(announcement: Announcement): void;
  /** The machine's addresses are others than before. */
  onAddressesChanged(): void;
  onError(error: NodeJS.ErrnoException, local: LocalAddress | undefined): void;
}

/** A mesh that can be heard on the network. */
export interface NearbyMesh {
  readonly tag: string;
  readonly members: readonly { readonly peer: PeerId; readonly addresses: readonly string[] }[];
}

/** Multicast DNS: asks who is there, says where this node is. */
export class Discovery {
  readonly #parts: DiscoveryParts;
  readonly #channels = new Map<string, MulticastChannel>();
  readonly #nearby = new Map<PeerId, { readonly announcement: Announcement; readonly heardMs: number }>();
  readonly #cancels = new Map<'ask' | 'answer' | 'scan', () => void>();
  #asked = 0;
  #intervalMs: number;
  #answeredMs = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #lastScan = '';

  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
    this.#intervalMs = parts.intervalMs;
  }

  get nearby(): readonly NearbyMesh[] {
    const since = this.#parts.clock.nowMs() - NEARBY_TTL_MS;
    const live = [...this.#nearby.values()].filter(({ heardMs }) => heardMs >= since);
    return [...Map.groupBy(live, ({ announcement }) => announcement.tag)].map(([tag, heard]) => ({
      tag,
      members: heard.map(({ announcement: { peer, addresses } }) => ({ peer, addresses })),
    }));
  }

  async start(): Promise<void> {
    await this.#scan();
    this.#ask();
    this.announce();
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancels.values()) cancel();
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  /** Says where this node is, unasked: it came, or changed its mesh or address. */
  announce(): void {
    this.#answeredMs = Number.NEGATIVE_INFINITY;
    this.#answer();
  }

  /** Asks at once and then often for a while: something was lost, or somebody waits. */
  hurry(): void {
    this.#asked = 0;
    this.#intervalMs = this.#parts.intervalMs;
    this.#ask();
  }

  #later(what: 'ask' | 'answer' | 'scan', delayMs: number, action: () => void): void {
    this.#cancels.get(what)?.();
    if (this.#stopped) return;
    const cancel = this.#parts.clock.schedule(delayMs, () => {
      this.#cancels.delete(what);
      action();
    });
    this.#cancels.set(what, cancel);
  }

  #ask(): void {
    this.#send(encodeQuestion());
    this.#asked++;
    const first = FIRST_WAITS_MS[this.#asked];
    this.#later('ask', first ?? this.#nextInterval(), () => this.#ask());
  }

  #answer(): void {
    const waitMs = this.#answeredMs + ANSWER_GAP_MS - this.#parts.clock.nowMs();
    if (waitMs > 0) {
      if (!this.#cancels.has('answer')) this.#later('answer', waitMs, () => this.#answer());
      return;
    }
    const announcement = this.#parts.announcement();
    if (announcement === undefined || announcement.addresses.length === 0) return;
    this.#answeredMs = this.#parts.clock.nowMs();
    this.#send(encodeAnnouncement(announcement));
  }

  /** Another node asked what this one is about to ask: the answers come to all. */
  #letAsk(): void {
    if (this.#asked < FIRST_WAITS_MS.length) return;
    // Not all of them at once next time.
    this.#later('ask', this.#nextInterval() * (1 + this.#parts.random() / 2), () => this.#ask());
  }

  #nextInterval(): number {
    this.#intervalMs = Math.min(this.#intervalMs * 1.5, Math.max(MAX_INTERVAL_MS, this.#parts.intervalMs));
    return this.#intervalMs;
  }

  #send(bytes: Uint8Array): void {
    for (const channel of this.#channels.values()) channel.send(bytes);
  }

  #take(bytes: Uint8Array): void {
    if (this.#stopped) return;
    const heard = hear(bytes);
    if (heard?.kind === 'question') {
      this.#answer();
      this.#letAsk();
    } else if (heard?.kind === 'announcement') this.#meet(heard.announcement);
  }

  #meet(heard: Announcement): void {
    const interfaces = this.#parts.interfaces();
    // Multicast comes from the own networks; an address elsewhere would make this node dial where a stranger wants it to.
    const addresses = heard.addresses.filter((address) => onLink(hostOf(address) ?? '', interfaces));
    if (addresses.length === 0) return;
    const announcement = { ...heard, addresses };
    if (!this.#nearby.has(heard.peer) && this.#nearby.size >= MAX_NEARBY) {
      const [oldest] = this.#nearby.keys();
      if (oldest !== undefined) this.#nearby.delete(oldest);
    }
    this.#nearby.delete(heard.peer);
    this.#nearby.set(heard.peer, { announcement, heardMs: this.#parts.clock.nowMs() });
    this.#parts.onHeard(announcement);
  }

  async #scan(): Promise<void> {
    const interfaces = this.#parts.interfaces();
    // The loopback has no multicast of IPv6.
    const usable = interfaces.filter(({ loopback, family }) => !loopback || family === 4);
    const wanted = new Map(usable.map((local) => [`${local.family} ${local.family === 6 ? local.name : local.address}`, local]));
    for (const [key, channel] of this.#channels) {
      if (wanted.has(key)) continue;
      channel.close();
      this.#channels.delete(key);
    }
    const opening: Promise<void>[] = [];
    for (const [key, local] of wanted) {
      if (this.#channels.has(key)) continue;
      const channel = new MulticastChannel(local, this.#parts.port, {
        onPacket: (bytes) => this.#take(bytes),
        onError: (error) => this.#parts.onError(error, local),
      });
      this.#channels.set(key, channel);
      opening.push(channel.open());
    }
    await Promise.all(opening);
    const scan = JSON.stringify(interfaces);
    if (this.#lastScan !== '' && scan !== this.#lastScan) {
      this.#parts.onAddressesChanged();
      this.announce();
      this.hurry();
    }
    this.#lastScan = scan;
    this.#later('scan', RESCAN_MS, () => void this.#scan());
  }
}
