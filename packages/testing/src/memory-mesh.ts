import {
  errorMessage,
  peerId,
  PeerRefusedError,
  PeerUnreachableError,
  PippaError,
  StreamLostError,
  type FrameStream,
  type LinkFacts,
  type Mesh,
  type NodeCard,
  type OpenStreamOptions,
  type Peer,
  type PeerId,
  type PeerState,
  type RequestOptions,
} from '@pippa/core';
import { blankCard } from './blank-card.ts';
import { memoryStreamPair, type MemoryStream } from './memory-stream.ts';

type StreamHandler = (stream: FrameStream) => void;
type Answer = (question: unknown, from: PeerId, signal: AbortSignal) => Promise<unknown>;

const LINK: LinkFacts = { tier: 0, interfaceType: 'loopback', roundTripMs: { p50: 0.2, p99: 1 }, throughput: 1e9 };

/**
 * Nodes that reach each other through memory, with the faults of a network: killed and frozen nodes, cut links, links that hold frames
 * back. Nothing happens by time: what a test does not do to it does not happen.
 */
export class MemoryNetwork {
  readonly #nodes = new Map<PeerId, MemoryMesh>();
  readonly #cut = new Set<string>();
  readonly #held = new Set<string>();
  /** Rounds of the event loop that the next frame takes; left out: none. Frames of one stream stay in order, those of two need not. */
  turns: (() => number) | undefined;
  /** The way between two nodes, where it is not a loopback. */
  readonly links = new Map<string, LinkFacts>();

  /** Adds a node; a killed one of the same name comes back as a new process of the same identity. */
  node(name: string, card: Partial<NodeCard> = {}): MemoryMesh {
    const id = peerId(name);
    const node = new MemoryMesh(this, id, { ...blankCard(name), ...card });
    this.#nodes.set(id, node);
    this.changed(id);
    return node;
  }

  get nodes(): readonly MemoryMesh[] {
    return [...this.#nodes.values()];
  }

  find(id: PeerId): MemoryMesh | undefined {
    return this.#nodes.get(id);
  }

  reaches(from: PeerId, to: PeerId): boolean {
    return this.find(from)?.state !== 'dead' && this.find(to)?.state !== 'dead' && !this.#cut.has(pair(from, to));
  }

  isHeld(from: PeerId, to: PeerId): boolean {
    return this.#held.has(pair(from, to)) || this.find(from)?.state === 'suspect' || this.find(to)?.state === 'suspect';
  }

  /** The process is gone: every stream of its breaks. */
  kill(id: PeerId): void {
    this.#setState(id, 'dead');
    this.find(id)?.breakStreams(() => true);
    // It may have said goodbye on its side while nothing came through.
    for (const node of this.nodes) node.breakStreams((peer) => peer === id);
  }

  /** The process stands still: nothing of its moves until `thaw`. */
  freeze(id: PeerId): void {
    this.#setState(id, 'suspect');
  }

  thaw(id: PeerId): void {
    this.#setState(id, 'alive');
    for (const node of this.nodes) node.flush();
  }

  /** Others give up a frozen node: its streams break. */
  declareDead(id: PeerId): void {
    this.kill(id);
  }

  cut(a: PeerId, b: PeerId): void {
    this.#cut.add(pair(a, b));
    this.find(a)?.breakStreams((peer) => peer === b);
    this.changed(a);
    this.changed(b);
  }

  heal(a: PeerId, b: PeerId): void {
    this.#cut.delete(pair(a, b));
    this.changed(a);
    this.changed(b);
  }

  /** Frames between the two wait until `release`. */
  hold(a: PeerId, b: PeerId): void {
    this.#held.add(pair(a, b));
  }

  release(a: PeerId, b: PeerId): void {
    this.#held.delete(pair(a, b));
    for (const node of this.nodes) node.flush();
  }

  linkOf(a: PeerId, b: PeerId): LinkFacts {
    return this.links.get(pair(a, b)) ?? LINK;
  }

  readonly noticed = (callback: () => void): void => {
    if (this.turns === undefined) callback();
    else this.later(callback);
  };

  /** Calls back after what a frame takes on its way. */
  readonly later = (callback: () => void): void => {
    const wait = (turns: number): void => {
      if (turns === 0) callback();
      else setImmediate(wait, turns - 1);
    };
    const turns = this.turns?.() ?? 0;
    if (turns === 0) queueMicrotask(callback);
    else wait(turns);
  };

  changed(id: PeerId): void {
    for (const node of this.nodes) if (node.self !== id) node.peerChanged(id);
  }

  #setState(id: PeerId, state: PeerState): void {
    const node = this.find(id);
    if (node === undefined) throw new TypeError(`There is no node ${id}.`);
    node.state = state;
    this.changed(id);
  }
}

export class MemoryMesh implements Mesh {
  readonly self: PeerId;
  state: PeerState = 'alive';
  readonly #network: MemoryNetwork;
  readonly #handlers = new Map<string, StreamHandler>();
  readonly #answers = new Map<string, Answer>();
  readonly #listeners = new Set<(peer: Peer) => void>();
  readonly #streams = new Set<MemoryStream>();
  readonly #reachListeners = new Set<() => void>();
  #card: NodeCard;

  constructor(network: MemoryNetwork, self: PeerId, card: NodeCard) {
    this.#network = network;
    this.self = self;
    this.#card = { ...card, peer: self };
  }

  get card(): NodeCard {
    return this.#card;
  }

  /** Streams that are open: for leak checks. */
  get openStreams(): number {
    return this.#streams.size;
  }

  peers(): readonly Peer[] {
    return this.#network.nodes.flatMap((node) => (node.self === this.self ? [] : [this.#describe(node)]));
  }

  peer(id: PeerId): Peer | undefined {
    const node = this.#network.find(id);
    return node === undefined || id === this.self ? undefined : this.#describe(node);
  }

  onPeersChanged(listener: (peer: Peer) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  updateCard(change: Partial<Omit<NodeCard, 'peer' | 'version'>>): void {
    this.#card = { ...this.#card, ...change, version: this.#card.version + 1 };
    this.#network.changed(this.self);
  }

  async open(peer: PeerId, protocol: string, { signal }: OpenStreamOptions = {}): Promise<FrameStream> {
    signal?.throwIfAborted();
    const target = this.#network.find(peer);
    if (target === undefined || !this.#network.reaches(this.self, peer))
      throw new PeerUnreachableError(`${peer} cannot be reached.`);
    const handler = target.#handlers.get(protocol);
    if (handler === undefined) throw new PeerUnreachableError(`${peer} does not speak ${protocol}.`);
    const { later, noticed } = this.#network;
    const isHeld = (): boolean => this.#network.isHeld(this.self, peer);
    const [near, far] = memoryStreamPair(this.self, peer, protocol, { isHeld, later, noticed });
    this.#own(near);
    target.#own(far);
    later(() => handler(far));
    if (this.#network.turns === undefined) return near;
    await new Promise<void>(later);
    if (signal?.aborted === true) near.abort(new StreamLostError('The opener gave up.'));
    signal?.throwIfAborted();
    if (!near.isOpen) throw new PeerUnreachableError(`${peer} was lost while ${protocol} was opened.`);
    return near;
  }

  handle(protocol: string, handler: StreamHandler): () => void {
    this.#handlers.set(protocol, handler);
    return () => this.#handlers.delete(protocol);
  }

  async request(peer: PeerId, protocol: string, question: unknown, { signal }: RequestOptions = {}): Promise<unknown> {
    signal?.throwIfAborted();
    const target = this.#network.find(peer);
    if (target === undefined || !this.#network.reaches(this.self, peer)) {
      throw new PeerUnreachableError(`${peer} cannot be reached.`);
    }
    const answer = target.#answers.get(protocol);
    if (answer === undefined) throw new PeerUnreachableError(`${peer} does not speak ${protocol}.`);
    const controller = new AbortController();
    const given = Promise.withResolvers<unknown>();
    const abort = (): void => given.reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const lose = (): void => {
      if (!this.#network.reaches(this.self, peer)) given.reject(new StreamLostError(`${peer} was lost before it answered.`));
    };
    const stopLosing = this.#onReachChanged(lose);
    answer(structuredClone(question), this.self, controller.signal).then(
      (value) => given.resolve(structuredClone(value)),
      (error: unknown) => given.reject(refusalOf(error)),
    );
    try {
      return await given.promise;
    } finally {
      signal?.removeEventListener('abort', abort);
      stopLosing();
      controller.abort(new StreamLostError('The asker left.'));
    }
  }

  answer(protocol: string, answer: Answer): () => void {
    this.#answers.set(protocol, answer);
    return () => this.#answers.delete(protocol);
  }

  #onReachChanged(look: () => void): () => void {
    this.#reachListeners.add(look);
    return () => this.#reachListeners.delete(look);
  }

  peerChanged(id: PeerId): void {
    for (const look of this.#reachListeners) look();
    const peer = this.peer(id);
    if (peer !== undefined) for (const listener of this.#listeners) listener(peer);
  }

  breakStreams(isConcerned: (peer: PeerId) => boolean): void {
    for (const stream of this.#streams) if (isConcerned(stream.peer)) stream.break();
  }

  flush(): void {
    for (const stream of this.#streams) stream.flush();
  }

  #own(stream: MemoryStream): void {
    this.#streams.add(stream);
    void stream.closed.then(() => this.#streams.delete(stream));
  }

  #describe(node: MemoryMesh): Peer {
    const reachable = this.#network.reaches(this.self, node.self);
    return {
      id: node.self,
      state: reachable ? node.state : 'dead',
      card: node.card,
      link: this.#network.linkOf(this.self, node.self),
    };
  }
}

/** As it reaches the asker: a slip of the answering part has no code of its own. */
function refusalOf(error: unknown): PeerRefusedError {
  if (!(error instanceof PippaError)) return new PeerRefusedError(errorMessage(error), 'internal_error');
  return new PeerRefusedError(error.message, error.code, error.hint === undefined ? {} : { hint: error.hint });
}

function pair(a: PeerId, b: PeerId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
