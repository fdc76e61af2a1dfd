import { errorMessage, peerId, type Logger, type Mesh, type PeerId } from '@pippa/core';
import { parseMessage } from '@pippa/protocol';
import { z } from 'zod';
import { findNode } from './find-node.ts';
import type { NamedNode, PendingJoin } from './mesh-administration.ts';

const WAITING_PROTOCOL = 'agent/waiting/1';
const APPROVE_PROTOCOL = 'agent/approve/1';
const TIMEOUT_MS = 5000;
/** A member lets no more wait at once. */
const MAX_WAITING = 16;

const peer = z.string().min(10).max(128).transform(peerId);
const waitingSchema = z.array(z.object({ peer, name: z.string().min(1).max(64), words: z.string().max(256) })).max(MAX_WAITING);
const approveSchema = z.object({ peer });

/** What the mesh itself knows of those who wait: they wait at the member that they asked. */
export interface JoinDesk extends Mesh {
  readonly pendingJoins: readonly PendingJoin[];
  onPendingJoinsChanged(listener: () => void): () => void;
  approve(peer: PeerId): unknown;
}

/** Those who wait at any member, for every member: whoever sits at one of the machines may let them in. */
export class SharedJoins {
  readonly #mesh: JoinDesk;
  readonly #logger: Logger;
  /** By the member that they asked. */
  readonly #elsewhere = new Map<PeerId, readonly PendingJoin[]>();
  readonly #listeners = new Set<() => void>();
  /** Peers that have been told of those who wait here. */
  readonly #told = new Set<PeerId>();
  /** Peers that are being told, and those among them that are to be told again: two messages may overtake each other. */
  readonly #telling = new Set<PeerId>();
  readonly #again = new Set<PeerId>();
  readonly #stops: readonly (() => void)[];

  constructor(mesh: JoinDesk, logger: Logger) {
    this.#mesh = mesh;
    this.#logger = logger;
    this.#stops = [
      mesh.answer(WAITING_PROTOCOL, async (question, from) => {
        this.#elsewhere.set(from, parseMessage(waitingSchema, question, 'those who wait'));
        this.#changed();
        return null;
      }),
      mesh.answer(APPROVE_PROTOCOL, async (question) => {
        mesh.approve(parseMessage(approveSchema, question, 'an approval').peer);
        return null;
      }),
      mesh.onPendingJoinsChanged(() => {
        this.#told.clear();
        this.#tell();
        this.#changed();
      }),
      mesh.onPeersChanged(({ id, state }) => {
        if (state === 'alive') {
          if (mesh.pendingJoins.length > 0) this.#tell();
          return;
        }
        this.#told.delete(id);
        if (state === 'dead' && this.#elsewhere.delete(id)) this.#changed();
      }),
    ];
  }

  get list(): readonly PendingJoin[] {
    return [...this.#mesh.pendingJoins, ...[...this.#elsewhere.values()].flat()].map(({ peer, name, words }) => ({
      peer,
      name,
      words,
    }));
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets a waiting node in, wherever it waits. Throws `NoSuchNodeError`, `AmbiguousNodeError`, and what asking that member throws. */
  async approve(name: string): Promise<NamedNode> {
    const wanted = findNode(name, this.list, 'waiting node');
    const isWanted = (join: PendingJoin): boolean => join.peer === wanted.peer;
    if (this.#mesh.pendingJoins.some(isWanted)) this.#mesh.approve(wanted.peer);
    else {
      const member = [...this.#elsewhere].find(([, joins]) => joins.some(isWanted))?.[0];
      if (member !== undefined)
        await this.#mesh.request(member, APPROVE_PROTOCOL, { peer: wanted.peer }, { timeoutMs: TIMEOUT_MS });
    }
    return { peer: wanted.peer, name: wanted.name };
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#listeners.clear();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Tells those who have not heard yet. */
  #tell(): void {
    const waiting = this.#mesh.pendingJoins.slice(0, MAX_WAITING).map(({ peer, name, words }) => ({ peer, name, words }));
    for (const { id, state } of this.#mesh.peers()) {
      if (state !== 'alive' || this.#told.has(id)) continue;
      if (this.#telling.has(id)) this.#again.add(id);
      else void this.#tellOne(id, waiting);
    }
  }

  async #tellOne(id: PeerId, waiting: readonly PendingJoin[]): Promise<void> {
    this.#told.add(id);
    this.#telling.add(id);
    try {
      await this.#mesh.request(id, WAITING_PROTOCOL, waiting, { timeoutMs: TIMEOUT_MS });
    } catch (error) {
      this.#told.delete(id);
      this.#logger.debug({ scope: 'mesh', peer: id, error: errorMessage(error) }, 'a peer was not told who waits');
    }
    this.#telling.delete(id);
    if (this.#again.delete(id)) this.#tell();
  }
}
