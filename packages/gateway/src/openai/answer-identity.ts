import { randomBytes } from 'node:crypto';
import type { Clock } from '@pippa/core';

/** What every chunk of an answer repeats. */
export interface AnswerIdentity {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

export function newAnswerIdentity(prefix: 'chatcmpl' | 'cmpl', model: string, version: string, clock: Clock): AnswerIdentity {
  return {
    id: `${prefix}-${randomBytes(18).toString('base64url')}`,
    created: Math.floor(clock.wallMs() / 1000),
    model,
    system_fingerprint: `pippa-${version}`,
  };
}
