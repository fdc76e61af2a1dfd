import { Random } from '../../../packages/ring/test/support/random.ts';

export const SINGLE_FAULTS = [
  'kill',
  'kill the conductor',
  'freeze shortly',
  'freeze for long',
  'cut a link',
  'slow a link',
  'lose packets',
  'fill the disk',
  'leave',
  'join',
] as const;
export type SingleFault = (typeof SINGLE_FAULTS)[number];
export type FaultKind = SingleFault | 'two at once';

/** What needs links that can be spoilt. */
export const LINK_FAULTS: readonly FaultKind[] = ['cut a link', 'slow a link', 'lose packets'];

/** Shares are drawn beforehand and stand for whoever is there when it happens. */
export interface PlannedFault {
  readonly kind: SingleFault;
  /** Whom it happens to. */
  readonly victim: number;
  /** The other end of the link. */
  readonly partner: number;
  /** The links to everybody instead of one. */
  readonly toEverybody: boolean;
  /** How long it lasts, or until a new node takes the place of one that is gone: from the least to the most of its kind. */
  readonly length: number;
  /** How bad it is, in the same way. */
  readonly strength: number;
}

export interface PlannedRound {
  readonly kind: FaultKind;
  readonly faults: readonly PlannedFault[];
  /** Since the round before. */
  readonly afterMs: number;
}

export interface FaultPlanOptions {
  readonly seed: number;
  readonly rounds: number;
  /** Between two rounds. */
  readonly pauseMs: readonly [least: number, most: number];
  /** What cannot be done on this machine. */
  readonly without: readonly FaultKind[];
}

/** Which faults happen when: every kind as often as the others, in an order that the seed decides. Pure. */
export function planFaults({ seed, rounds, pauseMs: [least, most], without }: FaultPlanOptions): readonly PlannedRound[] {
  const random = new Random(seed);
  const singles = SINGLE_FAULTS.filter((kind) => !without.includes(kind));
  const kinds: readonly FaultKind[] = [...singles, 'two at once'];
  const fault = (kind: SingleFault): PlannedFault => ({
    kind,
    victim: random.share(),
    partner: random.share(),
    toEverybody: random.chance(0.3),
    length: random.share(),
    strength: random.share(),
  });
  const planned: PlannedRound[] = [];
  while (planned.length < rounds) {
    for (const kind of random.shuffled(kinds)) {
      const both = kind === 'two at once' ? random.shuffled(singles).slice(0, 2) : [kind];
      planned.push({ kind, faults: both.map(fault), afterMs: random.between(least, most) });
    }
  }
  return planned.slice(0, rounds);
}
