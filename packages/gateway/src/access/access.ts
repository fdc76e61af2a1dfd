import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { givenKey } from '../http/api-key.ts';
import type { Caller, KeySource } from './access-key.ts';

/** Whoever carries the key of the settings. */
const OWNER: Caller = { id: 'settings', name: 'api-key', scope: 'admin' };
/** Programs of this machine, while no key is asked for. */
const LOCAL: Caller = { id: 'local', name: 'local', scope: 'admin' };

export interface AccessOptions {
  /** The key of the settings: may do everything. */
  readonly apiKey: string | undefined;
  readonly keys: KeySource | undefined;
  /** The address can be reached from other machines. */
  readonly isOpen: boolean;
}

/** Tells who sends a request. */
export class Access {
  readonly #expected: Buffer | undefined;
  readonly #keys: KeySource | undefined;
  readonly #needsKey: boolean;

  constructor({ apiKey, keys, isOpen }: AccessOptions) {
    this.#expected = apiKey === undefined ? undefined : digest(apiKey);
    this.#keys = keys;
    this.#needsKey = isOpen || apiKey !== undefined;
  }

  /** Some key would be accepted. */
  get hasKeys(): boolean {
    return this.#expected !== undefined || (this.#keys?.hasKeys() ?? false);
  }

  /**
   * Undefined: a key is needed, and this is none. Where none is needed, clients send whatever their settings hold: a key that was
   * given out still counts as its own, any other as none.
   */
  identify(incoming: IncomingMessage): Caller | undefined {
    const given = givenKey(incoming);
    if (given !== undefined) {
      if (this.#expected !== undefined && timingSafeEqual(digest(given), this.#expected)) return OWNER;
      const caller = this.#keys?.find(given);
      if (caller !== undefined) return caller;
    }
    return this.#needsKey ? undefined : LOCAL;
  }
}

/** Equal lengths for the comparison, whatever was sent. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
