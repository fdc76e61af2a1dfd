import { PippaError, type Clock, type PeerId } from '@pippa/core';
import {
  admissionRefusal,
  joinReveal,
  NONCE_BYTES,
  PROTOCOL_VERSION,
  type AdmissionOpening,
  type AdmissionRefusal,
} from '@pippa/protocol';
import { randomBytes } from 'node:crypto';
import { AdmissionError } from '../errors.ts';
import type { MeshSettings } from '../settings.ts';
import type { Membership } from '../state/membership.ts';
import type { Dialogue } from './dialogue.ts';
import { equalBytes } from './key-material.ts';
import { refusal } from './prove-membership.ts';
import { commitTo, shortWords } from './words.ts';

/** Nodes that wait for a person at once; more are told to come back. */
const MAX_PENDING = 16;

/** A node that asks to be let in. */
export interface PendingJoin {
  readonly peer: PeerId;
  /** What it calls itself: a claim, and no more than that. */
  readonly name: string;
  /** To be compared with what the other node shows. */
  readonly words: string;
  /** Wall-clock milliseconds. */
  readonly sinceMs: number;
}

interface Pending extends PendingJoin {
  readonly decide: (approved: boolean) => void;
}

export interface JoinDeskParts {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly settings: Pick<MeshSettings, 'admissionMs' | 'approvalMs'>;
  membership(): Membership | undefined;
  onChanged(): void;
}

/** Where strangers wait until a person at a member lets them in. */
export class JoinDesk {
  readonly #parts: JoinDeskParts;
  readonly #pending = new Map<PeerId, Pending>();

  constructor(parts: JoinDeskParts) {
    this.#parts = parts;
  }

  get pending(): readonly PendingJoin[] {
    return [...this.#pending.values()].map(({ peer, name, words, sinceMs }) => ({ peer, name, words, sinceMs }));
  }

  /** By id or by name. Throws `AdmissionError` when none or several fit. */
  decide(peerOrName: string, approved: boolean): PendingJoin {
    const fitting = [...this.#pending.values()].filter(({ peer, name }) => peer === peerOrName || name === peerOrName);
    const [only] = fitting;
    if (only === undefined)
      throw new AdmissionError(`No node called ${peerOrName} waits to be let in.`, 'not_waiting', {
        hint:
          this.#pending.size === 0 ? 'Start the new node first.' : `Waiting: ${this.pending.map(({ name }) => name).join(', ')}.`,
      });
    if (fitting.length > 1)
      throw new AdmissionError(`Several nodes call themselves ${peerOrName}.`, 'ambiguous', {
        hint: `Say which by its id: ${fitting.map(({ peer, words }) => `${peer} (${words})`).join(', ')}.`,
      });
    only.decide(approved);
    return { peer: only.peer, name: only.name, words: only.words, sinceMs: only.sinceMs };
  }

  /** Settles when it is over; true when the stranger was given the key. */
  async serve(dialogue: Dialogue, peer: PeerId, opening: Extract<AdmissionOpening, { kind: 'join' }>): Promise<boolean> {
    const { settings, self, clock } = this.#parts;
    if (this.#parts.membership() === undefined) return this.#turnDown(dialogue, 'no_key', 'This node has not joined a mesh yet.');
    if (this.#pending.size >= MAX_PENDING && !this.#pending.has(peer))
      return this.#turnDown(dialogue, 'busy', 'Too many nodes wait to be let in.');
    const memberNonce = new Uint8Array(randomBytes(NONCE_BYTES));
    await dialogue.say({ kind: 'join-challenge', version: PROTOCOL_VERSION, nonce: memberNonce });
    const reveal = await dialogue.hear(joinReveal, 'admission', AbortSignal.timeout(settings.admissionMs));
    if (!equalBytes(commitTo(reveal.nonce), opening.commitment))
      return this.#turnDown(dialogue, 'bad_message', 'The nonce is not the one that was committed to.');
    const words = shortWords({ joiner: peer, member: self, joinerNonce: reveal.nonce, memberNonce, name: opening.name });
    const approved = await this.#wait(dialogue, { peer, name: opening.name, words, sinceMs: clock.wallMs() });
    const membership = this.#parts.membership();
    if (!approved || membership === undefined) return this.#turnDown(dialogue, 'not_approved', 'Nobody let this node in.');
    await dialogue.say({ kind: 'welcome', key: membership.key, epoch: membership.epoch });
    return true;
  }

  async #wait(dialogue: Dialogue, join: PendingJoin): Promise<boolean> {
    // A node that asks again takes the place of its first try.
    this.#pending.get(join.peer)?.decide(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const pending: Pending = { ...join, decide: resolve };
    this.#pending.set(join.peer, pending);
    this.#parts.onChanged();
    const cancel = this.#parts.clock.schedule(this.#parts.settings.approvalMs, () => resolve(false));
    void dialogue.stream.closed.then(() => resolve(false));
    try {
      return await promise;
    } finally {
      cancel();
      if (this.#pending.get(join.peer) === pending) this.#pending.delete(join.peer);
      this.#parts.onChanged();
    }
  }

  async #turnDown(dialogue: Dialogue, code: AdmissionRefusal['code'], message: string): Promise<false> {
    try {
      await dialogue.say(admissionRefusal.parse(refusal(code, message)));
      await dialogue.stream.close();
    } catch (error) {
      // It left before it was told.
      if (!(error instanceof PippaError)) throw error;
    }
    return false;
  }
}
