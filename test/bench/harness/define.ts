/** One measured thing: a value a round, and what it must hold. */
export interface Figure {
  readonly name: string;
  /** `x` for ratios, `ms`, `tokens/s`, `MiB` ... */
  readonly unit: string;
  /** One value a round; the median is the figure. */
  readonly samples: readonly number[];
  /** What the median must hold; left out for figures that explain others. */
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
}

export interface BenchContext {
  /** Measured rounds; warm-up is extra. */
  readonly rounds: number;
  /** How long each measurement may wait for a moment in which nobody else uses the machine. */
  readonly patienceMs: number;
  /** Rest before each measurement: others get their turn on a machine that the bench runs on with a higher priority. */
  readonly pauseMs: number;
  /** Tells the person who waits what is going on. */
  readonly log: (line: string) => void;
}

/** What a file `test/bench/<name>.bench.ts` exports by default. It runs in a process of its own. */
export interface Bench {
  /** One sentence without a full stop. */
  readonly title: string;
  /** Rounds when nobody asks for another number. */
  readonly rounds: number;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

export function defineBench(bench: Bench): Bench {
  return bench;
}
