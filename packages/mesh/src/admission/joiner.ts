import type { Connection } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { PeerUnreachableError, type PeerId } from '@pippa/core';
import type { Libp2p } from 'libp2p';
import type { MembershipService } from '../membership/membership-service.ts';
import type { AskToJoinOptions } from '../mesh-node.ts';
import { checkAddress } from '../peers/check-address.ts';
import type { MeshSettings } from '../settings.ts';
import { askToJoin } from './ask-to-join.ts';
import type { Gate } from './gate.ts';

export interface JoinerParts {
  readonly self: PeerId;
  readonly settings: MeshSettings;
  readonly membership: MembershipService;
  readonly gate: Gate;
  libp2p(): Libp2p;
  /** What this node is called. */
  name(): string;
  /** Multiaddrs of members that may be asked, best first. */
  candidates(): readonly string[];
}

/** Has a person at a member let this node in. */
export class Joiner {
  readonly #parts: JoinerParts;

  constructor(parts: JoinerParts) {
    this.#parts = parts;
  }

  /** Resolves as a member. Throws `AdmissionError`, `PeerUnreachableError`, or the signal's reason. */
  async ask({ address, onWords, signal }: AskToJoinOptions): Promise<void> {
    const { self, settings, membership, gate } = this.#parts;
    if (membership.current !== undefined) return;
    const patience = AbortSignal.timeout(settings.approvalMs);
    const until = signal === undefined ? patience : AbortSignal.any([signal, patience]);
    const connection = await this.#dialMember(address, until);
    try {
      const { key, epoch } = await gate.ask(connection, async (dialogue, member) =>
        askToJoin({
          dialogue,
          self,
          member,
          name: this.#parts.name(),
          admissionMs: settings.admissionMs,
          signal: until,
          onWords: (words) => {
            membership.setAsking({ member, words });
            onWords?.(words);
          },
        }),
      );
      await membership.take(key, epoch);
      await gate.prove(connection);
    } finally {
      if (membership.status.kind === 'asking') membership.setAsking(undefined);
    }
  }

  async #dialMember(address: string | undefined, signal: AbortSignal): Promise<Connection> {
    const candidates = address === undefined ? this.#parts.candidates() : [address];
    if (candidates.length === 0)
      throw new PeerUnreachableError('No mesh is heard on this network.', {
        hint: 'Name a member with --peer, or take a code from one.',
      });
    let cause: unknown;
    for (const candidate of candidates) {
      try {
        checkAddress(candidate);
        return await this.#parts.libp2p().dial(multiaddr(candidate), { signal });
      } catch (error) {
        signal.throwIfAborted();
        cause = error;
      }
    }
    throw new PeerUnreachableError('No member of the mesh could be reached.', { cause });
  }
}
