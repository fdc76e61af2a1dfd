/** What a ring is doing; read when somebody asks for the metrics. Totals are since the start of the ring. */
export interface RingSample {
  readonly model: string;
  readonly running: number;
  readonly waiting: number;
  /** KV cells that hold tokens. */
  readonly usedCells: number;
  readonly contextCells: number;
  /** Totals; left out: not counted. */
  readonly preemptions?: number;
  readonly recoveries?: number;
}

/** What another part of the agent has to show. Every field may be left out. */
export interface MetricsSample {
  readonly rings?: readonly RingSample[];
  /** Bytes of model pieces taken from and given to peers, since the start. */
  readonly swarm?: { readonly receivedBytes: number; readonly sentBytes: number };
  /** Peers by state. */
  readonly peers?: Readonly<Record<'alive' | 'suspect' | 'dead', number>>;
}

/** Asked at every scrape; must not block. */
export type MetricsSource = () => MetricsSample;

/** One step of a ring as its conductor saw it. */
export interface StepObservation {
  readonly model: string;
  /** What each stage computed, first to last, milliseconds. */
  readonly computeMs: readonly number[];
  /** From submission to result, milliseconds: computing, waiting behind other steps, and the way between the stages. */
  readonly elapsedMs: number;
  /** Other steps were under way: waiting behind them cannot be told from the network, so the share is not counted. */
  readonly overlapped: boolean;
}
