import type { Mesh, NodeCard } from '@pippa/core';

const MB = 1_000_000;
/**
 * What transfers of models may take while answers are written: less than half of gigabit Ethernet, and at a second of processor time a
 * gigabyte a twentieth of the thread that moves the activations too.
 */
const BUSY_BYTES_PER_SECOND = 50 * MB;

/** Bytes a second that pieces of models may be exchanged with, each way. `limit`: megabytes a second that somebody set. */
export function transferBytesPerSecond(mesh: Pick<Mesh, 'self' | 'card' | 'peers'>, limit: number | undefined): number {
  const most = limit === undefined ? Infinity : limit * MB;
  return isInferring(mesh) ? Math.min(most, BUSY_BYTES_PER_SECOND) : most;
}

/** Whether a ring that this node holds a stage of, or conducts, writes an answer. */
function isInferring(mesh: Pick<Mesh, 'self' | 'card' | 'peers'>): boolean {
  const { self } = mesh;
  const isRunning = (other: NodeCard | undefined): boolean =>
    other?.rings.some((ring) => ring.running > 0 && (other.peer === self || ring.stages.some((stage) => stage.peer === self))) ??
    false;
  return isRunning(mesh.card) || mesh.peers().some((peer) => isRunning(peer.card));
}
