import type { CardRing, NodeCard } from '@pippa/core';
import type { NodeReport } from '../operations/node-report.ts';
import { printable } from '../terminal/printable.ts';
import { shorten } from '../terminal/shorten.ts';
import { table } from '../terminal/table.ts';
import type { Paint } from '../terminal/terminal.ts';
import { chipCell, conditionCell, linkCell, memoryCell, peerName, stateCell } from './cells.ts';

/** What `pippa-agent status` prints: nodes, memory, links, rings. */
export function statusView(report: NodeReport, paint: Paint): string {
  const parts = [
    headline(report, paint),
    nodes(report, paint),
    rings(report, paint),
    ...waiting(report, paint),
    ...problems(report, paint),
  ];
  return `\n${parts.join('\n\n')}\n\n`.replaceAll(/^(?=.)/gm, '  ');
}

function headline({ version, url, mesh, peers }: NodeReport, paint: Paint): string {
  const facts = [
    `${paint(['bold', 'cyan'], 'pippa-agent')} ${paint('dim', version)}`,
    url === undefined ? 'starting' : `${url}/v1`,
  ];
  if (mesh.state !== 'on') {
    const style = mesh.state === 'failed' ? 'yellow' : 'dim';
    return `${facts.join('   ')}\n${paint(style, `No mesh: ${printable(mesh.reason)}`)}`;
  }
  const { membership } = mesh;
  if (membership.kind === 'stranger') facts.push('in no mesh yet');
  else if (membership.kind === 'asking') facts.push(paint('yellow', `waits to be let in; words: ${printable(membership.words)}`));
  else {
    const count = peers.filter(({ state }) => state !== 'dead').length + 1;
    facts.push(count === 1 ? 'a mesh of one node' : `a mesh of ${count} nodes, none of which leads`);
  }
  if (membership.kind !== 'member' || !membership.open) return facts.join('   ');
  return `${facts.join('   ')}\n${paint('yellow', 'The mesh is open: whoever finds it on the network is let in.')}`;
}

function nodes({ self, peers }: NodeReport, paint: Paint): string {
  const sorted = peers.toSorted((a, b) => peerName(a).localeCompare(peerName(b)));
  const rows = [
    nodeRow(`${paint('bold', shorten(printable(self.name), 24))}\n${paint('dim', 'this node')}`, self, '', paint),
    ...sorted.map((peer) =>
      nodeRow(`${paint('bold', peerName(peer))}\n${stateCell(peer.state, paint)}`, peer.card, linkCell(peer.link, paint), paint),
    ),
  ];
  return table(['NODE', 'CHIP', 'MEMORY FOR MODELS', 'NOW', 'LINK'], rows, paint);
}

function nodeRow(name: string, card: NodeCard | undefined, link: string, paint: Paint): string[] {
  if (card === undefined) return [name, paint('dim', 'not heard of yet'), '', '', link];
  return [name, chipCell(card, paint), memoryCell(card.memory, paint), conditionCell(card, paint), link];
}

/** Every ring once, as its conductor tells of it. */
function rings({ self, peers }: NodeReport, paint: Paint): string {
  const cards = [self, ...peers.filter(({ state }) => state !== 'dead').map(({ card }) => card)];
  const names = new Map(cards.filter((card) => card !== undefined).map((card) => [card.peer, shorten(printable(card.name), 24)]));
  const layers = ({ peer, from, to }: CardRing['stages'][number]): string =>
    `${names.get(peer) ?? 'a node that is gone'} ${from}-${to - 1}`;
  const rows = cards.flatMap((card) =>
    (card?.rings ?? []).map((ring) => [
      `${paint('bold', shorten(printable(ring.name), 40))}\n${ringState(ring, paint)}`,
      [...ring.stages.map(layers), ...(ring.spares ?? []).map((spare) => paint('dim', `${layers(spare)} spare`))].join('\n'),
      `${ring.running} of ${ring.parallelSequences} running\n${paint('dim', `${ring.waiting} waiting, context ${ring.contextTokens}`)}`,
      speed(ring, paint),
    ]),
  );
  if (rows.length === 0) return paint('dim', 'No model is loaded.');
  return table(['MODEL', 'LAYERS', 'ANSWERS', 'TOKENS/S'], rows, paint);
}

function ringState({ state, loadedFraction }: CardRing, paint: Paint): string {
  if (loadedFraction !== undefined) return paint('yellow', `${state} ${Math.floor(100 * loadedFraction)}%`);
  if (state === 'ready') return paint('green', state);
  return paint('yellow', state);
}

function speed({ measuredTokensPerSecond: measured, predictedTokensPerSecond: predicted }: CardRing, paint: Paint): string {
  const expected = predicted > 0 ? paint('dim', `${predicted.toFixed(1)} predicted`) : '';
  return `${measured > 0 ? measured.toFixed(1) : 'not measured'}\n${expected}`;
}

function waiting({ pendingJoins }: NodeReport, paint: Paint): string[] {
  if (pendingJoins.length === 0) return [];
  const lines = pendingJoins.map(
    ({ name, words }) =>
      `${paint('yellow', '?')} ${paint('bold', printable(name))} wants to join and shows the words ${paint('bold', printable(words))}`,
  );
  return [[...lines, paint('dim', 'Same words there? Let it in with: pippa-agent approve <name>')].join('\n')];
}

function problems({ problems: found }: NodeReport, paint: Paint): string[] {
  if (found.length === 0) return [];
  const lines = found.map(({ message }) => `${paint('yellow', '!')} ${printable(message)}`);
  return [[...lines, paint('dim', 'What to do about it: pippa-agent doctor')].join('\n')];
}
