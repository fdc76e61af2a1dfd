/** `inference`: ask models. `admin`: that and everything that changes or shows the agent itself. */
export type KeyScope = 'inference' | 'admin';

/** So many requests within so many seconds; that many may also come at once. */
export interface RequestRate {
  readonly count: number;
  readonly perSeconds: number;
}

/** Who asks, and what they may. */
export interface Caller {
  /** Stable and unique; limits are counted by it. */
  readonly id: string;
  /** What people call the key; goes into the access log. */
  readonly name: string;
  readonly scope: KeyScope;
  /** Left out: as many as the agent takes. */
  readonly rate?: RequestRate;
  /** Requests under way at once; left out: as many as the agent takes. */
  readonly concurrency?: number;
}

/** The keys that were given out. Asked at every request, so that one that was revoked is refused from then on. */
export interface KeySource {
  /** Undefined for a key that does not exist. Must not block. */
  find(secret: string): Caller | undefined;
  /** Some key can be found. */
  hasKeys(): boolean;
}
