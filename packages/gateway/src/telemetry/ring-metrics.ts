import { Gauge, Histogram, type Registry } from 'prom-client';
import { STEP_SECONDS } from './buckets.ts';
import type { MetricsSample, RingSample, StepObservation } from './metrics-source.ts';
import { pulledCounter, pulledGauge, type Sample } from './pulled.ts';

/** Weight of the newest step in the network share. */
const AVERAGE_WEIGHT = 0.05;

/** Figures of rings and of the mesh: steps as they come back, the rest from the sources when somebody asks. */
export class RingMetrics {
  readonly #stageSeconds;
  readonly #stepSeconds;
  readonly #networkSeconds;
  readonly #networkShare;
  readonly #shares = new Map<string, number>();

  constructor(registry: Registry, read: () => readonly MetricsSample[]) {
    const registers = [registry];
    const buckets = STEP_SECONDS;
    this.#stageSeconds = new Histogram({
      name: 'pippa_stage_step_seconds',
      help: 'What one stage computed for one step.',
      labelNames: ['model', 'stage'],
      buckets,
      registers,
    });
    this.#stepSeconds = new Histogram({
      name: 'pippa_step_seconds',
      help: 'One step through all stages, from submission to result.',
      labelNames: ['model'],
      buckets,
      registers,
    });
    this.#networkSeconds = new Histogram({
      name: 'pippa_step_network_seconds',
      help: 'One step on its way between the stages; steps that overlap others are left out.',
      labelNames: ['model'],
      buckets,
      registers,
    });
    this.#networkShare = new Gauge({
      name: 'pippa_network_share',
      help: 'Part of a step that is spent between the stages, 0 to 1, averaged over the last steps that did not overlap.',
      labelNames: ['model'],
      registers,
    });
    const rings = (of: (ring: RingSample) => number): Sample<'model'>[] =>
      read().flatMap(({ rings = [] }) => rings.map((ring) => [{ model: ring.model }, of(ring)] as const));
    const gauge = (name: string, help: string, of: (ring: RingSample) => number): void =>
      pulledGauge({ registry, name, help, labelNames: ['model'] }, () => rings(of));
    const total = (name: string, help: string, of: (ring: RingSample) => number): void =>
      pulledCounter({ registry, name, help, labelNames: ['model'] }, () => rings(of));
    gauge('pippa_ring_running', 'Sequences that have a place in the ring.', (ring) => ring.running);
    gauge('pippa_ring_waiting', 'Sequences that wait for one.', (ring) => ring.waiting);
    gauge('pippa_kv_used_cells', 'KV cells that hold tokens.', (ring) => ring.usedCells);
    gauge('pippa_kv_cells', 'KV cells there are.', (ring) => ring.contextCells);
    total('pippa_preemptions_total', 'Sequences that had to give up their place.', (ring) => ring.preemptions ?? 0);
    total('pippa_recoveries_total', 'Times the ring was rebuilt after a loss.', (ring) => ring.recoveries ?? 0);
    addMeshMetrics(registry, read);
  }

  observeStep({ model, computeMs, elapsedMs, overlapped }: StepObservation): void {
    let computed = 0;
    for (const [stage, durationMs] of computeMs.entries()) {
      computed += durationMs;
      this.#stageSeconds.observe({ model, stage: String(stage) }, durationMs / 1000);
    }
    this.#stepSeconds.observe({ model }, elapsedMs / 1000);
    // One stage has nothing between its stages: what is left is the way to its thread.
    if (computeMs.length < 2 || overlapped || elapsedMs <= 0) return;
    const networkMs = Math.max(0, elapsedMs - computed);
    this.#networkSeconds.observe({ model }, networkMs / 1000);
    const share = networkMs / elapsedMs;
    const average = (this.#shares.get(model) ?? share) * (1 - AVERAGE_WEIGHT) + share * AVERAGE_WEIGHT;
    this.#shares.set(model, average);
    this.#networkShare.set({ model }, average);
  }
}

function addMeshMetrics(registry: Registry, read: () => readonly MetricsSample[]): void {
  const swarm = { registry, name: 'pippa_swarm_bytes_total', help: 'Bytes of model pieces exchanged with peers.' };
  pulledCounter({ ...swarm, labelNames: ['direction'] }, () =>
    read().flatMap(({ swarm: bytes }) => [
      [{ direction: 'received' }, bytes?.receivedBytes ?? 0],
      [{ direction: 'sent' }, bytes?.sentBytes ?? 0],
    ]),
  );
  pulledGauge({ registry, name: 'pippa_peers', help: 'Peers of the mesh, by how they are.', labelNames: ['state'] }, () =>
    read().flatMap(({ peers = {} }) => Object.entries(peers).map(([state, count]) => [{ state }, count] as const)),
  );
}
