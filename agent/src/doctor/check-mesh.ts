import { formatDuration, type Peer } from '@pippa/core';
import { peerName } from '../views/cells.ts';
import type { DoctorFacts, Finding, Level } from './facts.ts';

/** Certificates, keys with an end and the order of cards go by the clock; a few seconds hurt nobody. */
const MAX_SKEW_MS = 5000;

interface ProblemText {
  readonly check: string;
  readonly level: Level;
  readonly advice: string;
}

/** By the codes of the mesh. */
const PROBLEMS: Readonly<Record<string, ProblemText>> = {
  duplicate_identity: {
    check: 'duplicate id',
    level: 'problem',
    advice:
      'A state folder was copied to another machine. On one of the two stop the agent, delete identity.key in its state folder, and join again.',
  },
  wrong_key: {
    check: 'different key',
    level: 'warning',
    advice: 'It belongs to another mesh. To have it in this one: pippa-agent invite here, then the line it prints over there.',
  },
  version_mismatch: { check: 'version', level: 'problem', advice: 'Bring both agents to the same version: npx pippa-agent@latest' },
  removed: {
    check: 'membership',
    level: 'problem',
    advice: 'This node was removed from the mesh. Join again with a new code: --join <code>',
  },
  multicast_failed: { check: 'discovery', level: 'problem', advice: 'Connect by hand: --peer <address of a member>' },
  port_taken: { check: 'port', level: 'problem', advice: 'Take another one with --mesh-port.' },
};
const OTHER_PROBLEM: ProblemText = { check: 'mesh', level: 'warning', advice: 'Look into the log: --log-level debug' };

export function checkMesh({ agent, version }: DoctorFacts): readonly Finding[] {
  if (agent.state !== 'running') return [];
  const { report, clockOffsetsMs } = agent;
  const check = 'mesh';
  if (report.mesh.state !== 'on') {
    const level = report.mesh.state === 'failed' ? 'problem' : 'note';
    return [{ check, level, message: `The agent is in no mesh: ${report.mesh.reason}` }];
  }
  const alive = report.peers.filter(({ state }) => state === 'alive');
  const found: Finding[] = report.problems.map(({ code, message, hint = '' }) => {
    const about = PROBLEMS[code] ?? OTHER_PROBLEM;
    return { check: about.check, level: about.level, message, advice: hint === '' ? about.advice : hint };
  });
  const { membership, otherMeshes } = report.mesh;
  if (membership.kind !== 'member') {
    const message =
      membership.kind === 'asking'
        ? `This node waits to be let in; its words are ${membership.words}.`
        : 'This node is in no mesh yet.';
    const advice =
      'On a member: pippa-agent approve <name>. Or start this one with --join <code>, or --mesh new for one of its own.';
    return [...found, { check: 'membership', level: 'warning', message, advice }];
  }
  if (otherMeshes > 0) {
    const message =
      otherMeshes === 1
        ? 'There is another mesh on this network; its key is another one.'
        : `There are ${otherMeshes} other meshes on this network, of other keys.`;
    const advice = 'Were they meant to be one? pippa-agent invite here; there pippa-agent leave, and the line that invite prints.';
    found.push({ check: 'different key', level: 'note', message, advice });
  }
  if (membership.open) {
    const message = 'The mesh is open: whoever is on the network is let in.';
    found.push({ check, level: 'warning', message, advice: 'Start without --open outside of networks that you trust.' });
  }
  if (report.peers.length === 0) {
    if (membership.missesOthers) {
      const advice = 'Are they started, and in this network? Otherwise connect by hand: --peer <address of a member>';
      return [...found, { check, level: 'warning', message: 'No other node of the mesh is found.', advice }];
    }
    const advice = 'pippa-agent invite tells how another machine joins.';
    return [...found, { check, level: 'note', message: 'There are no other nodes.', advice }];
  }
  for (const peer of report.peers) found.push(...checkPeer(peer, version, clockOffsetsMs[peer.id]));
  found.push(...sameNames(report.peers));
  if (alive.length > 0) found.unshift({ check, level: 'ok', message: `${alive.length} of ${report.peers.length} peers answer.` });
  return found;
}

function checkPeer(peer: Peer, version: string, offsetMs: number | undefined): readonly Finding[] {
  const name = peerName(peer);
  const found: Finding[] = [];
  if (peer.state === 'suspect') {
    const advice = 'A stalled Wi-Fi comes back by itself. If it stays, look whether that machine sleeps.';
    found.push({ check: 'liveness', level: 'warning', message: `${name} is silent; it may come back.`, advice });
  }
  if (peer.state === 'dead') {
    const message = `${name} is gone.`;
    found.push({ check: 'liveness', level: 'note', message, advice: `Start its agent, or forget it: pippa-agent kick ${name}` });
  }
  const theirs = peer.card?.agentVersion;
  if (theirs !== undefined && theirs !== version) {
    const message = `${name} runs version ${theirs}, this node version ${version}.`;
    found.push({ check: 'version', level: 'note', message, advice: 'Bring both to the newer one: npx pippa-agent@latest' });
  }
  if (offsetMs !== undefined && Math.abs(offsetMs) > MAX_SKEW_MS) {
    const message = `The clock of ${name} is ${formatDuration(Math.abs(offsetMs))} ${offsetMs > 0 ? 'ahead' : 'behind'}.`;
    found.push({ check: 'clock', level: 'warning', message, advice: 'Let both machines set their time by the network.' });
  }
  return found;
}

function sameNames(peers: readonly Peer[]): readonly Finding[] {
  const names = peers.map(peerName);
  const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  return [...twice].map((name) => {
    const advice = 'Give one another name (--name); until then commands take their ids.';
    return { check: 'names', level: 'note', message: `Several nodes are called ${name}.`, advice };
  });
}

/** A peer over Wi-Fi, though a cable is plugged in here. */
export function checkLinks({ agent, interfaces }: DoctorFacts): readonly Finding[] {
  if (agent.state !== 'running') return [];
  const cable = interfaces.find(({ type }) => type === 'thunderbolt') ?? interfaces.find(({ type }) => type === 'wired');
  if (cable === undefined) return [];
  const slow = agent.report.peers.filter(({ state, link }) => state === 'alive' && link.interfaceType === 'wifi').map(peerName);
  if (slow.length === 0) return [];
  const kind = cable.type === 'thunderbolt' ? 'Thunderbolt' : 'Ethernet';
  return [
    {
      check: 'interface',
      level: 'warning',
      message: `${slow.slice(0, 8).join(', ')} ${slow.length === 1 ? 'is' : 'are'} reached over Wi-Fi, though this machine has ${kind} (${cable.name ?? cable.address}).`,
      advice: 'Plug the other machine into the same network, or switch Wi-Fi off on both: the mesh takes the faster way by itself.',
    },
  ];
}
