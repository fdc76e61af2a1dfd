import type { PeerId } from '@pippa/core';
import { didYouMean } from '@pippa/core';
import { AmbiguousNodeError, NoSuchNodeError } from '../errors.ts';
import type { NamedNode } from './mesh-administration.ts';

/** A node's id has 52 characters; the first ones are the same for all. */
const LEAST_ID_CHARACTERS = 10;

/** The node that a person means: by name, by id, or by the start or the end of an id. Throws `NoSuchNodeError`, `AmbiguousNodeError`. */
export function findNode(wanted: string, nodes: readonly NamedNode[], what = 'node'): NamedNode {
  const named = nodes.filter((node) => node.name.toLowerCase() === wanted.toLowerCase());
  const found = named.length > 0 ? named : nodes.filter(({ peer }) => isMeant(wanted, peer));
  const [first, ...others] = found;
  if (first === undefined) {
    const names = nodes.map((node) => node.name);
    throw new NoSuchNodeError(`There is no ${what} "${wanted}".${didYouMean(wanted, names)}`, {
      hint: names.length === 0 ? `There is no ${what} at all.` : `There are ${names.join(', ')}.`,
    });
  }
  if (others.length === 0) return first;
  throw new AmbiguousNodeError(`${found.length} nodes are called "${wanted}".`, {
    hint: `Name one by its id: ${found.map(({ peer }) => peer).join(', ')}.`,
  });
}

function isMeant(wanted: string, peer: PeerId): boolean {
  if (peer === wanted) return true;
  return (wanted.length >= LEAST_ID_CHARACTERS && peer.startsWith(wanted)) || (wanted.length >= 6 && peer.endsWith(wanted));
}
