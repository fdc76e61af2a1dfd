import { UsageError } from '../errors.ts';

/** Longest text that is read from stdin; far over any context. */
const MAX_INPUT_BYTES = 16 * 1024 * 1024;

/** All of stdin as text. Throws `UsageError` past the limit or for bytes that are no text, and the signal's reason. */
export async function readInput(stdin: NodeJS.ReadableStream, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let byteLength = 0;
  const stop = (): void => void ('destroy' in stdin && typeof stdin.destroy === 'function' && stdin.destroy());
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stdin) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      byteLength += bytes.length;
      if (byteLength > MAX_INPUT_BYTES) throw new UsageError('The text on stdin is longer than 16 MB.');
      chunks.push(bytes);
    }
    signal.throwIfAborted();
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TypeError) throw new UsageError('The text on stdin is not UTF-8.', { cause: error });
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
