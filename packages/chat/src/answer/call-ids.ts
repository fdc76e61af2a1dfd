const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const USUAL_LENGTH = 24;

/** An id for a tool call. `length`: just so many letters and digits, for templates that want that; else `call_` and 24 of them. */
export function callId(randomSeed: () => number, length: number | undefined): string {
  const letters = Array.from({ length: length ?? USUAL_LENGTH }, () => LETTERS[randomSeed() % LETTERS.length]).join('');
  return length === undefined ? `call_${letters}` : letters;
}
