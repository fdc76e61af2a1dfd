import type { LinkTier, PeerId, RingId } from '@pippa/core';
import { POLICY, ROUTING } from '../policy.ts';

/** What the router knows of a request. */
export interface RequestFacts {
  readonly lane: 'interactive' | 'batch';
  readonly promptTokens: number;
  /** Tokens that the answer may have; undefined: nobody said. */
  readonly maxTokens?: number | undefined;
}

/** A ring, or a node alone, that could answer. */
export interface RingCandidate {
  readonly ring: RingId;
  readonly conductor: PeerId;
  readonly state: 'loading' | 'ready' | 'recovering';
  readonly stageCount: number;
  readonly contextTokens: number;
  readonly parallelSequences: number;
  readonly running: number;
  readonly waiting: number;
  readonly predictedTokensPerSecond: number;
  /** 0 before the first measurement. */
  readonly measuredTokensPerSecond: number;
  /** 0: not known. */
  readonly prefillTokensPerSecond: number;
  /** Tokens of this prompt's beginning that the ring has in its cache. */
  readonly cachedTokens: number;
  /** Of the way from here to the conductor. */
  readonly tier: LinkTier;
  /** This node conducts it. */
  readonly isLocal: boolean;
}

/** A node that has the model alone. */
export interface SoloOption {
  /** Measured, or predicted before there is a measurement. */
  readonly tokensPerSecond: number;
}

export interface RingChoice {
  /** Undefined: nothing can answer now. */
  readonly ring: RingId | undefined;
  readonly reasons: readonly string[];
}

/** Who answers a request: the ring that is expected to be done first. Pure. */
export function chooseRing(
  request: RequestFacts,
  candidates: readonly RingCandidate[],
  solos: readonly SoloOption[] = [],
): RingChoice {
  const needed = request.promptTokens + (request.maxTokens ?? 1);
  const up = candidates.filter((candidate) => candidate.state !== 'loading');
  const roomy = up.filter((candidate) => candidate.contextTokens >= needed);
  if (roomy.length === 0) return { ring: undefined, reasons: [whyNone(needed, candidates, up)] };
  const ready = roomy.filter((candidate) => candidate.state === 'ready');
  const pin = pinOf(ready.length > 0 ? ready : roomy, solos);
  // Rings that a node alone outruns by far are not asked while that node, or another ring that is not outrun, has a free slot.
  const unpinned = ready.filter((candidate) => !isOutrun(candidate, pin));
  const pool = [unpinned.some(hasFreeSlot) ? unpinned : [], ready, roomy].find((group) => group.length > 0) ?? [];
  const [best, second] = pool
    .map((candidate) => ({ candidate, ms: expectedMs(request, candidate) }))
    .toSorted(
      (a, b) => a.ms - b.ms || preference(a.candidate) - preference(b.candidate) || (a.candidate.ring < b.candidate.ring ? -1 : 1),
    );
  if (best === undefined) return { ring: undefined, reasons: [] };
  const { candidate, ms } = best;
  const reasons = [
    `${candidate.ring} is expected to be done in ${seconds(ms)}${second === undefined ? '' : `, the next in ${seconds(second.ms)}`}.`,
  ];
  if (candidate.cachedTokens > 0)
    reasons.push(`It has ${candidate.cachedTokens} of ${request.promptTokens} prompt tokens in its cache.`);
  return { ring: candidate.ring, reasons };
}

/** The fastest node alone, when a measured ring falls far behind it. */
function pinOf(candidates: readonly RingCandidate[], solos: readonly SoloOption[]): SoloOption | undefined {
  const fastest = solos.toSorted((a, b) => b.tokensPerSecond - a.tokensPerSecond)[0];
  return candidates.some((candidate) => isOutrun(candidate, fastest)) ? fastest : undefined;
}

/** Auto-pin: a ring of several nodes that was measured at much less than one node alone gives, or is predicted to. */
export function isOutrun(
  ring: Pick<RingCandidate, 'stageCount' | 'measuredTokensPerSecond'>,
  solo: SoloOption | undefined,
): boolean {
  if (solo === undefined || ring.stageCount === 1 || ring.measuredTokensPerSecond <= 0) return false;
  return ring.measuredTokensPerSecond < POLICY.autoPin * solo.tokensPerSecond;
}

function hasFreeSlot({ running, waiting, parallelSequences }: RingCandidate): boolean {
  return running + waiting < parallelSequences;
}

/** Waiting for a slot, computing what is not cached, writing the answer, and the way there. */
function expectedMs(request: RequestFacts, candidate: RingCandidate): number {
  const rate = rateOf(candidate);
  const answerTokens = Math.min(request.maxTokens ?? ROUTING.answerTokens, ROUTING.answerTokens);
  const answerMs = (answerTokens / rate) * 1000;
  const ahead = Math.max(0, candidate.running + candidate.waiting + 1 - candidate.parallelSequences);
  const queueMs = (ahead / candidate.parallelSequences) * answerMs;
  const uncached = Math.max(0, request.promptTokens - candidate.cachedTokens);
  const prefillRate = candidate.prefillTokensPerSecond > 0 ? candidate.prefillTokensPerSecond : rate * ROUTING.prefillPerDecode;
  const load = candidate.running / candidate.parallelSequences;
  // Batch work goes where least is going on, so that it stays out of the way of conversations.
  const crowdMs = answerMs * load * (request.lane === 'batch' ? ROUTING.batchCrowding : ROUTING.crowding);
  return queueMs + (uncached / prefillRate) * 1000 + answerMs + crowdMs + (ROUTING.tierMs[candidate.tier] ?? 0);
}

function rateOf(candidate: RingCandidate): number {
  return Math.max(
    ROUTING.slowestTokensPerSecond,
    candidate.measuredTokensPerSecond > 0 ? candidate.measuredTokensPerSecond : candidate.predictedTokensPerSecond,
  );
}

function preference(candidate: RingCandidate): number {
  return candidate.isLocal ? -1 : candidate.tier;
}

function whyNone(needed: number, candidates: readonly RingCandidate[], up: readonly RingCandidate[]): string {
  if (candidates.length === 0) return 'No ring of this model is up.';
  if (up.length === 0) return 'The ring of this model is loading.';
  const largest = Math.max(...up.map((candidate) => candidate.contextTokens));
  return `The request needs ${needed} tokens of context; the roomiest ring has ${largest}.`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
