import { DownloadFailedError, GatedModelError, NotOnHubError } from '../errors.ts';
import { failed, type HttpAnswer, type HttpClient } from './http-client.ts';
import type { PlannedFile } from './pull-plan.ts';
import { BusyServerError } from './with-retries.ts';

/** Bytes `from` up to and with `to` of a file of `total`. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
  readonly total: number;
}

/**
 * Gets a part of a file; `use` is given its chunks in order, and what it throws is thrown. Throws `DownloadFailedError` for an answer that
 * is another part, too long or cut, `GatedModelError`, `NotOnHubError`, or the signal's reason.
 */
export async function getRange(
  planned: Pick<PlannedFile, 'url' | 'headers'>,
  { from, to, total }: ByteRange,
  { client, signal }: { readonly client: HttpClient; readonly signal: AbortSignal },
  use: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  const headers = { ...planned.headers, range: `bytes=${from}-${to}` };
  const answer = await client.ask(planned.url, { headers, signal });
  let left = to - from + 1;
  try {
    refuse(answer, planned.url);
    const range = contentRange(answer);
    if (answer.status !== 206 || range?.from !== from || range.to !== to || range.total !== total)
      throw new DownloadFailedError(`${answer.url.host} sent another part of the file than was asked for.`);
    await take(answer, planned.url, signal, async (chunk) => {
      if (chunk.length > left) throw new DownloadFailedError(`${answer.url.host} sent more of the file than was asked for.`);
      left -= chunk.length;
      await use(chunk);
    });
  } finally {
    answer.body.destroy();
  }
  if (left > 0) throw new DownloadFailedError(`${answer.url.host} broke off.`);
}

/** Gives the chunks of an answer to `use`. Throws `DownloadFailedError` for what goes wrong on the way, and what `use` throws. */
export async function take(
  answer: HttpAnswer,
  url: URL,
  signal: AbortSignal,
  use: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  const chunks = answer.body as AsyncIterable<Buffer>;
  const iterator = chunks[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<Buffer>;
    try {
      next = await iterator.next();
    } catch (error) {
      signal.throwIfAborted();
      throw failed(url, error);
    }
    if (next.done === true) return;
    // What the disk throws is no failure of the network.
    await use(next.value);
  }
}

/** Throws for answers that no further attempt makes better, and for those that one may. */
export function refuse({ status, headers }: HttpAnswer, url: URL): void {
  if (status === 200 || status === 206) return;
  if (status === 401 || status === 403) {
    throw new GatedModelError(`${url.host} does not give this file to just anybody (status ${status}).`, {
      hint: 'Set HF_TOKEN to a token of an account that has accepted the terms of the model.',
    });
  }
  if (status === 404 || status === 410) throw new NotOnHubError(`The file is not at ${url.host} (any more).`);
  throw new BusyServerError(`${url.host} answered with status ${status}.`, Number(headers['retry-after']) * 1000 || undefined);
}

export function contentRange({ headers }: HttpAnswer): ByteRange | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '');
  return match === null ? undefined : { from: Number(match[1]), to: Number(match[2]), total: Number(match[3]) };
}
