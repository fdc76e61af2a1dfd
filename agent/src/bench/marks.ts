/** The founding notebook's marks for a conversation. */
export const BENCH_MARKS = {
  /** Tokens a second from which it is good, and below which it is slow. */
  goodRate: 15,
  slowRate: 8,
  /** A first token within so long feels immediate. */
  firstTokenMs: 300,
} as const;

export type RateVerdict = 'good' | 'fair' | 'slow';

export function judgeRate(tokensPerSecond: number): RateVerdict {
  if (tokensPerSecond >= BENCH_MARKS.goodRate) return 'good';
  return tokensPerSecond >= BENCH_MARKS.slowRate ? 'fair' : 'slow';
}

export type FirstTokenVerdict = 'good' | 'late';

export function judgeFirstToken(firstTokenMs: number): FirstTokenVerdict {
  return firstTokenMs <= BENCH_MARKS.firstTokenMs ? 'good' : 'late';
}
