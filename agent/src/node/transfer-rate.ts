import type { Mesh, NodeCard } from '@pippa/core';

const MB = 1_000_000;
/**
 * What transfers of models may take while answers are written: less than half of gigabit Ethernet, and at a second of processor time a
 * gigabyte a twentieth of the thread that moves the activations too.
 */
const BUSY_BYTES_PER_SECOND = 50 * MB;
/** Of the slowest link that was measured: on Wi-Fi even the bound above would be all there is. */
const BUSY_LINK_SHARE = 0.4;
/** Less would make a transfer look dead. */
const LEAST_BYTES_PER_SECOND = MB;

/**
 * Bytes a second that pieces of models may be exchanged with, each way. `limit`: megabytes a second that somebody set. `isComputing`: a
 * stage here had a step lately; the cards tell it a second later, and of rings that this node only conducts.
 */
export function transferBytesPerSecond(
  mesh: Pick<Mesh, 'self' | 'card' | 'peers'>,
  limit: number | undefined,
  isComputing: boolean,
): number {
  const most = limit === undefined ? Infinity : limit * MB;
  return isComputing || isInferring(mesh) ? Math.min(most, busyBytesPerSecond(mesh)) : most;
}

function busyBytesPerSecond(mesh: Pick<Mesh, 'peers'>): number {
  const links = mesh.peers().flatMap(({ state, link }) => (state === 'alive' && link.throughput > 0 ? [link.throughput] : []));
  return Math.max(LEAST_BYTES_PER_SECOND, Math.min(BUSY_BYTES_PER_SECOND, BUSY_LINK_SHARE * Math.min(...links)));
}

/** Whether a ring that this node holds a stage of, or conducts, writes an answer. */
function isInferring(mesh: Pick<Mesh, 'self' | 'card' | 'peers'>): boolean {
  const { self } = mesh;
  const isRunning = (other: NodeCard | undefined): boolean =>
    other?.rings.some((ring) => ring.running > 0 && (other.peer === self || ring.stages.some((stage) => stage.peer === self))) ??
    false;
  return isRunning(mesh.card) || mesh.peers().some((peer) => isRunning(peer.card));
}
