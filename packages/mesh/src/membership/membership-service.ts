import { peerIdFromString } from '@libp2p/peer-id';
import { type Clock, errorMessage, InvalidInputError, type Logger, peerId, type PeerId } from '@pippa/core';
import { MAX_ADDRESSES, type ControlMessage } from '@pippa/protocol';
import { createHash } from 'node:crypto';
import { inviteCode, parseInviteCode } from '../admission/invite-code.ts';
import { discoveryTag } from '../admission/key-material.ts';
import { AdmissionError } from '../errors.ts';
import type { MeshMember } from '../mesh-node.ts';
import type { Link } from '../peers/link.ts';
import type { PeerTable } from '../peers/peer-table.ts';
import { foundMesh, MAX_KNOWN_MEMBERS, membershipOf, type Membership } from '../state/membership.ts';
import type { MeshState } from '../state/mesh-state.ts';
import { applyKeyChange, isNewer, removalOf, type KeyChange } from '../state/rotate.ts';

/** Members' addresses are written this long after they changed, several together. */
const SAVE_DELAY_MS = 1_000;

/** The key of every open mesh: known to all, so that it keeps nobody out. */
const OPEN_MEMBERSHIP = membershipOf(new Uint8Array(createHash('sha256').update('pippa open mesh').digest().subarray(0, 16)), 0);

/** Whether this node is in a mesh. `words` are to be compared with those that a member shows. */
export type MembershipStatus =
  | { readonly kind: 'stranger' }
  | { readonly kind: 'asking'; readonly member: PeerId; readonly words: string }
  | { readonly kind: 'member'; readonly tag: string; readonly open: boolean };

export interface MembershipParts {
  readonly state: MeshState;
  /** Whoever comes is a member. */
  readonly open: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly table: PeerTable;
  broadcast(message: ControlMessage, except?: PeerId): void;
  drop(peer: PeerId): void;
  /** The key is there, gone, or another one. */
  onChanged(): void;
}

/** The mesh that this node is in: founding, joining, removing and leaving, and what of it is kept over restarts. */
export class MembershipService {
  readonly #parts: MembershipParts;
  readonly #listeners = new Set<(status: MembershipStatus) => void>();
  #asking: { readonly member: PeerId; readonly words: string } | undefined;
  #membership: Membership | undefined;
  #cancelSave: (() => void) | undefined;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    this.#membership = parts.state.membership;
  }

  get current(): Membership | undefined {
    return this.#parts.open ? OPEN_MEMBERSHIP : this.#membership;
  }

  get status(): MembershipStatus {
    const { current } = this;
    if (current !== undefined) return { kind: 'member', tag: discoveryTag(current.key), open: this.#parts.open };
    return this.#asking === undefined ? { kind: 'stranger' } : { kind: 'asking', ...this.#asking };
  }

  get inviteCode(): string {
    return inviteCode(this.require().key);
  }

  listen(listener: (status: MembershipStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  require(): Membership {
    if (this.current === undefined)
      throw new AdmissionError('This node is in no mesh yet.', 'no_key', {
        hint: 'A node that has just started looks for one for some seconds. Join one with --join <code>, or begin one with --mesh new.',
      });
    return this.current;
  }

  async found(): Promise<void> {
    if (this.current === undefined) await this.#set(foundMesh());
  }

  /** Takes on the key of a code. Throws `InviteCodeError`, and `AdmissionError` for a member of another mesh. */
  async join(code: string): Promise<void> {
    await this.take(parseInviteCode(code), 0);
  }

  /** Takes on a key. That of a code says no epoch: the first member that is met has the right one. */
  async take(key: Uint8Array, epoch: number): Promise<void> {
    const { current } = this;
    if (current !== undefined && Buffer.compare(current.key, key) === 0) return;
    if (current !== undefined)
      throw new AdmissionError('This node is in another mesh.', 'already_member', { hint: 'Leave it first: pippa-agent leave.' });
    await this.#set(membershipOf(key, epoch));
  }

  setAsking(asking: { readonly member: PeerId; readonly words: string } | undefined): void {
    this.#asking = asking;
    this.#tell();
  }

  /** Gives up the key; the others are told by the caller before. */
  async leave(): Promise<void> {
    this.#requireClosed('leave');
    await this.#set(undefined);
  }

  /** Present or away, with what they were last called. */
  get members(): readonly MeshMember[] {
    const known = new Map<PeerId, string | undefined>((this.current?.members ?? []).map(({ peer, name }) => [peer, name]));
    for (const { id, card } of this.#parts.table.records) known.set(id, card?.name ?? known.get(id));
    return [...known].map(([peer, name]) => ({ peer, name }));
  }

  /** A text for people, with members' names where it has their ids. */
  withNames(text: string): string {
    return this.members.reduce((named, { peer, name = '' }) => (name === '' ? named : named.replaceAll(peer, name)), text);
  }

  /**
   * The member that is meant by an id or a name, present or away. A whole id that this node knows nothing of is believed: others may
   * know it. Throws `AdmissionError` when none or several fit.
   */
  resolve(idOrName: string): PeerId {
    const fitting = this.members.filter(({ peer, name }) => peer === idOrName || name === idOrName).map(({ peer }) => peer);
    const [only = wholeId(idOrName)] = fitting;
    if (only === undefined) throw new AdmissionError(`No member is called ${idOrName}.`, 'no_such_member');
    if (fitting.length > 1)
      throw new AdmissionError(`Several members are called ${idOrName}.`, 'ambiguous', {
        hint: `Say which by its id: ${fitting.join(', ')}.`,
      });
    return only;
  }

  /** Removes a member: everybody else gets a new key. */
  async kick(peer: PeerId): Promise<void> {
    this.#requireClosed('remove anybody from');
    await this.#rotate([peer]);
  }

  /** A member has the news of a rotation. */
  async heed(change: KeyChange, from: PeerId, self: PeerId): Promise<void> {
    const { current } = this;
    if (current === undefined || this.#parts.open) return;
    if (!isNewer(change, current)) {
      // The other one may have missed this node's; an equal one is the news itself coming back.
      if (Buffer.compare(change.key, current.key) !== 0) this.#parts.broadcast(rekeyMessage(current));
      return;
    }
    if (change.removed.includes(self)) return;
    if (Buffer.compare(change.key, current.key) === 0) {
      await this.#set({ ...current, epoch: change.epoch, removed: [...change.removed] });
      return;
    }
    // Two removals at once: the one whose key lost is made again on top of the other.
    const lost = change.epoch === current.epoch ? current.removed.filter((peer) => !change.removed.includes(peer)) : [];
    await this.#adopt(change, current, from);
    // Unless this node left the mesh meanwhile.
    if (lost.length > 0 && this.current !== undefined) await this.#rotate(lost);
  }

  /** Brings a member up to date that still had a former key, or a code of an unknown epoch. */
  greet(link: Link, key: { readonly former: boolean } | undefined): void {
    const { current } = this;
    if (current === undefined || this.#parts.open) return;
    if (key?.former === false && current.removed.includes(link.peer)) {
      // It was given the current key: somebody let it in anew.
      this.#membership = { ...current, removed: current.removed.filter((removed) => removed !== link.peer) };
      this.#saveSoon();
    }
    if (key?.former === true || current.epoch > 0) link.say(rekeyMessage(this.#membership ?? current));
  }

  /** Keeps where a member is and what it is called, for the next start. */
  remember(peer: PeerId, addresses: readonly string[], name: string): void {
    const { current } = this;
    if (current === undefined || this.#parts.open) return;
    const kept = addresses.slice(0, MAX_ADDRESSES);
    const known = current.members.find((member) => member.peer === peer);
    if (known?.name === name && JSON.stringify(known.addresses) === JSON.stringify(kept)) return;
    this.#membership = {
      ...current,
      members: [{ peer, addresses: kept, name }, ...current.members.filter((member) => member.peer !== peer)].slice(
        0,
        MAX_KNOWN_MEMBERS,
      ),
    };
    this.#saveSoon();
  }

  #saveSoon(): void {
    this.#cancelSave ??= this.#parts.clock.schedule(SAVE_DELAY_MS, () => {
      this.#cancelSave = undefined;
      void this.#save();
    });
  }

  /** Writes what waits to be written. */
  async stop(): Promise<void> {
    if (this.#cancelSave === undefined) return;
    this.#cancelSave();
    this.#cancelSave = undefined;
    await this.#save();
  }

  async #rotate(peers: readonly PeerId[]): Promise<void> {
    const current = this.require();
    await this.#adopt(removalOf(current, peers), current, undefined);
  }

  async #adopt(change: KeyChange, current: Membership, from: PeerId | undefined): Promise<void> {
    const present = [...this.#parts.table.records].map(({ id }) => id);
    // Those removed must not hear the new key.
    for (const peer of change.removed) this.#parts.drop(peer);
    const next = applyKeyChange(current, change, present);
    await this.#set(next);
    this.#parts.broadcast(rekeyMessage(next), from);
  }

  async #set(membership: Membership | undefined): Promise<void> {
    this.#asking = undefined;
    this.#membership = membership;
    await this.#save();
    this.#parts.onChanged();
    this.#tell();
  }

  /** A disk that can't be written must not keep the node from its mesh. */
  async #save(): Promise<void> {
    try {
      await this.#parts.state.save(this.#membership);
    } catch (error) {
      this.#parts.logger.error(
        { error: errorMessage(error) },
        'the mesh key could not be saved; the node will not know its mesh after a restart',
      );
    }
  }

  #tell(): void {
    const { status } = this;
    for (const listener of this.#listeners) listener(status);
  }

  #requireClosed(what: string): void {
    this.require();
    if (this.#parts.open)
      throw new InvalidInputError(`An open mesh has no key, so that nobody can ${what} it.`, { hint: 'Start without --open.' });
  }
}

function wholeId(text: string): PeerId | undefined {
  try {
    return peerId(peerIdFromString(text).toString());
  } catch {
    return undefined;
  }
}

function rekeyMessage({ key, epoch, removed }: Membership): Extract<ControlMessage, { kind: 'rekey' }> {
  return { kind: 'rekey', key, epoch: Math.max(1, epoch), removed };
}
