import type { NodeReport } from '../operations/node-report.ts';
import { printable } from '../terminal/printable.ts';
import { table } from '../terminal/table.ts';
import type { Paint } from '../terminal/terminal.ts';
import { formatRate, formatRoundTrip, linkCell, peerName, stateCell } from './cells.ts';

/** What `pippa-agent peers` prints: who is there, how they are reached, how fast. */
export function peersView({ peers, self }: NodeReport, paint: Paint): string {
  if (peers.length === 0) return `${paint('dim', 'No peers. `pippa-agent invite` tells how another machine joins.')}\n`;
  const sorted = peers.toSorted((a, b) => peerName(a).localeCompare(peerName(b)) || a.id.localeCompare(b.id));
  const rows = sorted.map(({ card, id, link, state }) => [
    paint('bold', peerName({ card, id })),
    stateCell(state, paint),
    linkCell(link, (_style, text) => text).split('\n')[0] ?? '',
    link.roundTripMs.p50 > 0 ? formatRoundTrip(link.roundTripMs.p50) : '-',
    link.roundTripMs.p99 > 0 ? formatRoundTrip(link.roundTripMs.p99) : '-',
    link.throughput > 0 ? formatRate(link.throughput) : '-',
    version(card?.agentVersion, self.agentVersion, paint),
    paint('dim', printable(id)),
  ]);
  return `${table(['PEER', 'STATE', 'LINK', 'RTT p50', 'p99', 'THROUGHPUT', 'VERSION', 'ID'], rows, paint)}\n`;
}

function version(theirs: string | undefined, own: string, paint: Paint): string {
  if (theirs === undefined) return '-';
  return theirs === own ? theirs : paint('yellow', printable(theirs));
}
