import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatBytes, type Clock, type Logger } from '@pippa/core';
import { DownloadFailedError, WrongHashError } from '../errors.ts';
import { keepStatedSha256 } from '../library/stated-hash.ts';
import { contentRange, getRange, refuse, take } from './get-range.ts';
import type { HttpClient } from './http-client.ts';
import { PULL_LIMITS } from './limits.ts';
import { lockPart } from './part-lock.ts';
import { PartFile, type Segment } from './part-file.ts';
import type { PlannedFile } from './pull-plan.ts';
import { withRetries } from './with-retries.ts';

export interface DownloadOptions {
  readonly client: HttpClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Bytes of the file that are here, of how many. */
  readonly onBytes: (doneBytes: number, totalBytes: number) => void;
  /** Fraction 0 .. 1 of the check against the stated hash. */
  readonly onCheck: (fraction: number) => void;
}

/** Progress is saved this often. */
const SAVE_MS = 1000;

/**
 * Gets one file over several connections and checks it against what the hub states. A cut connection is taken up again where it was
 * cut; what came of a failed download stays for the next one. Throws the errors of downloads, what the disk throws, or the signal's reason.
 */
export async function downloadFile(planned: PlannedFile, target: string, options: DownloadOptions): Promise<void> {
  const facts = await fileFacts(planned, options);
  const { byteLength } = facts;
  if (Math.ceil(byteLength / PULL_LIMITS.segmentBytes) > PULL_LIMITS.segments)
    throw new DownloadFailedError(`A file of ${formatBytes(byteLength)} is more than this version takes.`);
  await mkdir(dirname(target), { recursive: true });
  const unlock = await lockPart(target);
  try {
    await downloadLocked(planned, facts, target, options);
  } finally {
    await unlock();
  }
}

async function downloadLocked(planned: PlannedFile, facts: FileFacts, target: string, options: DownloadOptions): Promise<void> {
  const { url, byteLength, etag, takesRanges } = facts;
  const identity = { url: planned.url.href, byteLength, sha256: planned.sha256, etag };
  const part = await PartFile.open(target, identity);
  let isOver = false;
  try {
    await (takesRanges ? getSegments(part, { ...planned, url }, options) : getWhole(part, { ...planned, url }, options));
    await check(part, planned, options);
    isOver = true;
    await part.finish();
    if (planned.sha256 !== undefined) await keepStatedSha256(target, planned.sha256);
  } catch (error) {
    if (error instanceof WrongHashError) {
      isOver = true;
      await part.discard();
    }
    throw error;
  } finally {
    if (!isOver) {
      await part.save().catch(() => {});
      await part.close();
    }
  }
}

interface FileFacts {
  readonly url: URL;
  readonly byteLength: number;
  readonly etag: string | undefined;
  readonly takesRanges: boolean;
}

/** Asks for the first byte: that tells size, version and whether ranges are understood, where HEAD often lies. */
async function fileFacts(planned: PlannedFile, options: DownloadOptions): Promise<FileFacts> {
  return withRetries(planned.url, options, async () => {
    const answer = await options.client.ask(planned.url, {
      headers: { ...planned.headers, range: 'bytes=0-0' },
      signal: options.signal,
    });
    answer.body.destroy();
    refuse(answer, planned.url);
    const range = contentRange(answer);
    const length = answer.status === 206 ? range?.total : Number(answer.headers['content-length'] ?? Number.NaN);
    const { etag } = answer.headers;
    const { byteLength } = planned;
    if (byteLength !== undefined && Number.isSafeInteger(length) && length !== byteLength)
      throw new DownloadFailedError(`${planned.url.host} has ${length} bytes of a file that should have ${byteLength}.`);
    const known = byteLength ?? length;
    if (known === undefined || !Number.isSafeInteger(known) || known < 1)
      throw new DownloadFailedError(`${planned.url.host} does not say how long the file is.`);
    return { url: planned.url, byteLength: known, etag, takesRanges: answer.status === 206 };
  });
}

async function getSegments(part: PartFile, planned: PlannedFile, options: DownloadOptions): Promise<void> {
  const waiting = part.segments.filter((segment) => segment.done < segment.length);
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const reporter = new Reporter(part, options);
  reporter.report();
  const work = async (): Promise<void> => {
    for (let segment = waiting.shift(); segment !== undefined; segment = waiting.shift())
      await getSegment(part, segment, planned, { ...options, signal }, reporter);
  };
  const workers = Array.from({ length: Math.min(PULL_LIMITS.connections, waiting.length) }, work);
  try {
    await Promise.all(workers);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(workers);
    throw error;
  }
  await part.save();
}

async function getSegment(
  part: PartFile,
  segment: Segment,
  planned: PlannedFile,
  options: DownloadOptions,
  reporter: Reporter,
): Promise<void> {
  await withRetries(
    planned.url,
    options,
    async () => {
      const range = { from: segment.offset + segment.done, to: segment.offset + segment.length - 1, total: part.byteLength };
      await getRange(planned, range, options, async (chunk) => {
        await part.write(chunk, segment.offset + segment.done);
        segment.done += chunk.length;
        await reporter.came();
      });
    },
    () => segment.done,
  );
}

/** A server that knows no ranges: one connection from the beginning, and from the beginning again when it is cut. */
async function getWhole(part: PartFile, planned: PlannedFile, options: DownloadOptions): Promise<void> {
  const reporter = new Reporter(part, options);
  await withRetries(planned.url, options, async () => {
    for (const segment of part.segments) segment.done = 0;
    const answer = await options.client.ask(planned.url, { headers: planned.headers, signal: options.signal });
    try {
      refuse(answer, planned.url);
      let position = 0;
      await take(answer, planned.url, options.signal, async (chunk) => {
        if (position + chunk.length > part.byteLength)
          throw new DownloadFailedError(`${answer.url.host} sent more than the file has.`);
        await part.write(chunk, position);
        position += chunk.length;
        for (const segment of part.segments) segment.done = Math.max(0, Math.min(segment.length, position - segment.offset));
        await reporter.came();
      });
      if (position < part.byteLength) throw new DownloadFailedError(`${answer.url.host} broke off.`);
    } finally {
      answer.body.destroy();
    }
  });
}

class Reporter {
  readonly #part: PartFile;
  readonly #options: DownloadOptions;
  #savedMs: number;

  constructor(part: PartFile, options: DownloadOptions) {
    this.#part = part;
    this.#options = options;
    this.#savedMs = options.clock.nowMs();
  }

  report(): void {
    this.#options.onBytes(this.#part.doneBytes, this.#part.byteLength);
  }

  async came(): Promise<void> {
    this.report();
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#savedMs < SAVE_MS) return;
    this.#savedMs = nowMs;
    await this.#part.save();
  }
}

/** Throws `WrongHashError`. Without a stated hash the file must at least begin like a model. */
async function check(part: PartFile, planned: PlannedFile, options: DownloadOptions): Promise<void> {
  if (planned.sha256 === undefined) {
    if ((await part.magic()) === 'GGUF') return;
    throw new WrongHashError(`What came from ${planned.url.host} is not a GGUF model.`, {
      hint: 'The address may be that of a page about the file. It is deleted again.',
    });
  }
  const hash = createHash('sha256');
  let done = 0;
  for await (const chunk of createReadStream(part.path, {
    highWaterMark: 4 * 1024 * 1024,
    signal: options.signal,
  }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    done += chunk.length;
    options.onCheck(done / part.byteLength);
  }
  const digest = hash.digest('hex');
  if (digest === planned.sha256) return;
  throw new WrongHashError(
    `What came from ${planned.url.host} has the SHA-256 ${digest.slice(0, 12)}..., but it states ${planned.sha256.slice(0, 12)}...`,
    { hint: 'The bytes were damaged on the way or the file was changed meanwhile. They are deleted: pull it again.' },
  );
}
