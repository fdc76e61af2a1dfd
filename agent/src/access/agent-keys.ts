import { randomBytes } from 'node:crypto';
import type { Caller, KeySource } from '@pippa/gateway';

/** Commands of this user on this machine, such as `trace`. */
const COMMANDS: Caller = { id: 'commands', name: 'commands', scope: 'admin' };

/** A key for this run alone that commands of this user get over the socket in the state folder. */
export interface CommandKey {
  readonly secret: string;
  /** The keys that were given out, and this one. */
  readonly keys: KeySource;
}

export function withCommandKey(given: KeySource): CommandKey {
  const secret = `pippa-run_${randomBytes(32).toString('base64url')}`;
  return {
    secret,
    keys: {
      find: (asked) => (asked === secret ? COMMANDS : given.find(asked)),
      hasKeys: () => given.hasKeys(),
    },
  };
}
