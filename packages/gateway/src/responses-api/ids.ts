import { randomBytes } from 'node:crypto';

const ID_BYTES = 24;

const PREFIXES: Readonly<Record<string, string>> = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
};

const newId = (prefix: string): string => `${prefix}_${randomBytes(ID_BYTES).toString('hex')}`;

/** Knowing the id is what lets a response be gone on from, so it must not be guessed. */
export const newResponseId = (): string => newId('resp');

export const newItemId = (type: string): string => newId(PREFIXES[type] ?? 'item');
