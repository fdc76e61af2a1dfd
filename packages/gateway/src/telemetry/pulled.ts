import { Counter, Gauge, type Registry } from 'prom-client';

export interface PulledMetric<Label extends string> {
  readonly registry: Registry;
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
}

/** One value with its labels; those that share all labels add up. */
export type Sample<Label extends string> = readonly [labels: Readonly<Record<Label, string>>, value: number];

/** A gauge whose values are read when somebody asks for the metrics. */
export function pulledGauge<Label extends string>(
  { registry, ...about }: PulledMetric<Label>,
  read: () => Iterable<Sample<Label>>,
): void {
  const gauge: Gauge<Label> = new Gauge({
    ...about,
    registers: [registry],
    collect(): void {
      gauge.reset();
      for (const [labels, value] of read()) gauge.inc(labels, value);
    },
  });
}

/** A counter whose totals are kept elsewhere and read when somebody asks. */
export function pulledCounter<Label extends string>(
  { registry, ...about }: PulledMetric<Label>,
  read: () => Iterable<Sample<Label>>,
): void {
  const counter: Counter<Label> = new Counter({
    ...about,
    registers: [registry],
    collect(): void {
      counter.reset();
      for (const [labels, value] of read()) counter.inc(labels, value);
    },
  });
}
