import { formatBytes } from '@pippa/core';
import type { MeshState } from '../mesh/mesh-administration.ts';
import type { MeshNotice } from '../mesh/notices.ts';
import { printable } from '../terminal/printable.ts';
import { shorten } from '../terminal/shorten.ts';
import type { Paint } from '../terminal/terminal.ts';
import { peerName } from './cells.ts';

/** Most peers that the banner names. */
const MAX_NAMED = 6;

/** What the banner says of the mesh, a line each. */
export function meshFacts(state: MeshState, paint: Paint): readonly string[] {
  if (state.state !== 'on') {
    if (state.state === 'off') return [paint('dim', 'off')];
    return [`${paint('yellow', 'not there:')} ${printable(state.reason)} ${paint('dim', '`pippa-agent doctor` looks into it')}`];
  }
  const { membership, card } = state.administration;
  const name = shorten(printable(card.name), 40);
  if (membership.kind === 'stranger') return [`${paint('yellow', 'in none yet;')} there is one on this network`];
  if (membership.kind === 'asking') {
    return [
      `${paint('yellow', 'waits to be let in')} as ${name}, with the words ${paint('bold', membership.words)}; on a member: pippa-agent approve ${name}`,
    ];
  }
  const peers = state.administration.peers().filter((peer) => peer.state !== 'dead');
  const named = peers.slice(0, MAX_NAMED).map(peerName);
  const others = peers.length > MAX_NAMED ? [`${peers.length - MAX_NAMED} more`] : [];
  const company =
    peers.length > 0 ? `${name} with ${[...named, ...others].join(', ')}` : lonely(name, membership.missesOthers, paint);
  return membership.open
    ? [company, paint(['bold', 'red'], 'OPEN: whoever is on this network is in, and can use this machine')]
    : [company];
}

function lonely(name: string, missesOthers: boolean, paint: Paint): string {
  if (!missesOthers) return `${name} alone so far; ${paint('dim', '`pippa-agent invite` tells how another machine joins')}`;
  return `${name}; ${paint('yellow', 'nobody else of it is found yet.')} ${paint('dim', 'If that stays so: pippa-agent doctor')}`;
}

/** One line about something that happened. */
export function noticeLine(notice: MeshNotice, paint: Paint): string {
  switch (notice.kind) {
    case 'came':
    case 'returned': {
      const { name, chip, memory } = notice.card;
      const about = `${shorten(printable(chip), 40)}, ${formatBytes(memory.budgetBytes)} for models`;
      return `${paint('green', '+')} ${paint('bold', shorten(printable(name), 40))} is ${notice.kind === 'came' ? 'here' : 'back'} ${paint('dim', about)}`;
    }
    case 'gone':
      return `${paint('red', '-')} ${paint('bold', peerName(notice.peer))} is gone`;
    case 'waits': {
      const name = printable(notice.join.name);
      const how = `pippa-agent approve ${/\s/.test(name) ? `"${name}"` : name}`;
      return `${paint('yellow', '?')} ${paint('bold', name)} wants to join and shows the words ${paint('bold', printable(notice.join.words))}. Same words there? ${how}`;
    }
    case 'asking':
      return `${paint('yellow', '?')} Asks to be let in, with the words ${paint('bold', printable(notice.words))}. On a member: pippa-agent approve "${printable(notice.ownName)}"`;
    case 'let in':
      return `${paint('green', '+')} This node is in the mesh`;
  }
}
