import type { Registry } from 'prom-client';
import { pulledCounter, pulledGauge } from './pulled.ts';

export interface ProcessSample {
  readonly residentBytes: number;
  readonly heapBytes: number;
  /** User and system time since the start. */
  readonly cpuSeconds: number;
  readonly startSeconds: number;
}

export type ReadProcess = () => ProcessSample;

/** This process as Node sees it. */
export const readThisProcess: ReadProcess = () => {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: rss,
    heapBytes: heapUsed,
    cpuSeconds: (user + system) / 1e6,
    startSeconds: Math.round(Date.now() / 1000 - process.uptime()),
  };
};

/** Under the names that dashboards for Prometheus know. prom-client's own set starts observers that cannot be stopped again. */
export function addProcessMetrics(registry: Registry, read: ReadProcess): void {
  const gauge = (name: string, help: string, of: (sample: ProcessSample) => number): void =>
    pulledGauge({ registry, name, help }, () => [[{}, of(read())]]);
  gauge('process_resident_memory_bytes', 'Memory of the agent, memory-mapped weights included.', (sample) => sample.residentBytes);
  gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.', (sample) => sample.heapBytes);
  gauge('process_start_time_seconds', 'Start of the agent, seconds since 1970.', (sample) => sample.startSeconds);
  const cpu = { registry, name: 'process_cpu_seconds_total', help: 'Processor time of the agent, all threads.' };
  pulledCounter(cpu, () => [[{}, read().cpuSeconds]]);
}
