import { GIB, MIB, type LinkFacts, type NodeCard, type Peer, type PeerState } from '@pippa/core';
import { printable } from '../terminal/printable.ts';
import { shorten } from '../terminal/shorten.ts';
import type { Paint } from '../terminal/terminal.ts';

const INTERFACES: Readonly<Record<LinkFacts['interfaceType'], string>> = {
  loopback: 'same machine',
  thunderbolt: 'Thunderbolt',
  wired: 'Ethernet',
  wifi: 'Wi-Fi',
  unknown: 'unknown network',
};

const BAR_WIDTH = 12;
/** Shares of the budget from which the bar turns yellow and red. */
const FULL = { yellow: 0.8, red: 0.95 };

/** `819 GB/s`: bandwidths are told in powers of ten, as makers do. */
export function formatRate(bytesPerSecond: number): string {
  if (bytesPerSecond >= 1e9) return `${(bytesPerSecond / 1e9).toFixed(bytesPerSecond < 10e9 ? 1 : 0)} GB/s`;
  return `${(bytesPerSecond / 1e6).toFixed(bytesPerSecond < 10e6 ? 1 : 0)} MB/s`;
}

/** `0.31 ms`, `12 ms` */
export function formatRoundTrip(durationMs: number): string {
  return `${durationMs >= 10 ? durationMs.toFixed(0) : durationMs.toFixed(durationMs >= 1 ? 1 : 2)} ms`;
}

/** `72 of 192 GB` with a bar over it: what stages take of the budget. */
export function memoryCell({ budgetBytes, freeBytes }: NodeCard['memory'], paint: Paint): string {
  const usedBytes = Math.max(0, budgetBytes - freeBytes);
  const share = budgetBytes > 0 ? Math.min(1, usedBytes / budgetBytes) : 0;
  const filled = share > 0 ? Math.max(1, Math.round(share * BAR_WIDTH)) : 0;
  const style = share >= FULL.red ? 'red' : share >= FULL.yellow ? 'yellow' : 'cyan';
  const bar = paint(style, '█'.repeat(filled)) + paint('dim', '░'.repeat(BAR_WIDTH - filled));
  const unit = budgetBytes >= GIB ? { name: 'GB', bytes: GIB } : { name: 'MB', bytes: MIB };
  const [used, budget] = [usedBytes, budgetBytes].map((bytes) => short(bytes / unit.bytes));
  return `${bar}\n${used} of ${budget} ${unit.name}`;
}

/** `0`, `0.4`, `72.0`, `192` */
function short(value: number): string {
  return value >= 100 || value === 0 ? value.toFixed(0) : value.toFixed(1);
}

export function stateCell(state: PeerState, paint: Paint): string {
  switch (state) {
    case 'alive':
      return paint('green', '● alive');
    case 'suspect':
      return paint('yellow', '◐ suspect');
    case 'dead':
      return paint('red', '○ dead');
  }
}

export function chipCell({ chip, backend, performanceCores, memoryBandwidth }: NodeCard, paint: Paint): string {
  const about = [`${performanceCores} cores`, ...(memoryBandwidth > 0 ? [formatRate(memoryBandwidth)] : []), printable(backend)];
  return `${shorten(printable(chip), 30)}\n${paint('dim', about.filter((part) => part !== '').join(', '))}`;
}

/** Load and power, and what ails the machine. */
export function conditionCell({ load, power, thermalPressure, memoryPressure }: NodeCard, paint: Paint): string {
  const first = [`load ${Math.round(load * 100)}%`, ...ailments(thermalPressure, memoryPressure, paint)].join(', ');
  const { source, batteryPercent } = power;
  const level = batteryPercent === undefined ? '' : ` ${batteryPercent}%`;
  if (source === 'battery') return `${first}\n${paint((batteryPercent ?? 100) < 20 ? 'red' : 'yellow', `battery${level}`)}`;
  return `${first}\n${paint('dim', source === 'mains' ? `mains${level}` : 'power unknown')}`;
}

function ailments(thermal: NodeCard['thermalPressure'], memory: NodeCard['memoryPressure'], paint: Paint): string[] {
  const found: string[] = [];
  if (thermal === 'serious') found.push(paint('yellow', 'hot'));
  if (thermal === 'critical') found.push(paint('red', 'too hot'));
  if (memory === 'warning') found.push(paint('yellow', 'memory tight'));
  if (memory === 'critical') found.push(paint('red', 'out of memory'));
  return found;
}

export function linkCell({ interfaceType, roundTripMs, throughput }: LinkFacts, paint: Paint): string {
  const speed = [
    ...(roundTripMs.p50 > 0 ? [formatRoundTrip(roundTripMs.p50)] : []),
    ...(throughput > 0 ? [formatRate(throughput)] : []),
  ];
  return `${INTERFACES[interfaceType]}\n${paint('dim', speed.length === 0 ? 'not measured yet' : speed.join(', '))}`;
}

/** What people call a peer; its id until its card has come. */
export function peerName({ card, id }: Pick<Peer, 'card' | 'id'>): string {
  return card === undefined ? shortId(id) : shorten(printable(card.name), 24);
}

/** The end of an id: its beginning is the same for all. */
export function shortId(id: string): string {
  return `…${printable(id).slice(-8)}`;
}
