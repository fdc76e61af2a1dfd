import { constants, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { formatBytes, type Clock, type Logger } from '@pippa/core';
import { readGgufModel, splitPaths } from '@pippa/gguf';
import { NotEnoughDiskError } from '../errors.ts';
import { fileStamp } from '../library/file-stamp.ts';
import { isProjectorPath, namesOfFile } from '../library/model-naming.ts';
import { freeDiskBytes } from '../store/free-disk-bytes.ts';
import { downloadFile } from './download-file.ts';
import type { HttpClient } from './http-client.ts';
import { PULL_LIMITS } from './limits.ts';
import { resumableBytes } from './part-file.ts';
import type { Environment } from './plan-hub.ts';
import { planReference, withClient } from './plan-reference.ts';
import { parsePullReference } from './pull-reference.ts';
import { planBytes, type PullPlan } from './pull-plan.ts';
import { TransferRate } from './transfer-rate.ts';

export interface PullProgress {
  /** `checking`: hashing what has come. */
  readonly phase: 'downloading' | 'checking';
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Over the last seconds; 0 at first. */
  readonly bytesPerSecond: number;
  /** Undefined while the rate is not known. */
  readonly remainingMs: number | undefined;
}

export interface PullOptions {
  /** The agent's own folder of models. */
  readonly directory: string;
  readonly environment: Environment;
  readonly home: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Called once before the first byte. */
  readonly onPlan?: (plan: PullPlan, facts: { readonly totalBytes: number; readonly hereBytes: number }) => void;
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface PulledModel {
  readonly name: string;
  readonly paths: readonly string[];
  readonly bytes: number;
  /** Everything was there already. */
  readonly wasHere: boolean;
  /** It goes along with a model and is none itself. */
  readonly isProjector: boolean;
}

/** Finds out what a reference stands for, without getting it. Throws `BadReferenceError` for a path, and what planning throws. */
export async function planPull(text: string, options: Pick<PullOptions, 'environment' | 'home' | 'signal'>): Promise<PullPlan> {
  return withClient(options.environment, (client) => planReference(parsePullReference(text), client, options));
}

/** Gets a model into the agent's own folder. Throws the errors of `errors.ts`, what the disk throws, or the signal's reason. */
export async function pullModel(text: string, options: PullOptions): Promise<PulledModel> {
  const reference = parsePullReference(text);
  if (reference.kind === 'path') return copyModel(reference.path, options);
  return withClient(options.environment, async (client) =>
    pullPlan(await planReference(reference, client, options), client, options),
  );
}

async function pullPlan(planned: PullPlan, client: HttpClient, options: PullOptions): Promise<PulledModel> {
  const { directory, clock, logger, signal } = options;
  const targets = planned.files.map((file) => join(directory, file.target));
  const here = await Promise.all(
    planned.files.map(async (file, index) => {
      const size = (await fileStamp(targets[index] ?? ''))?.bytes;
      return size !== undefined && (file.byteLength === undefined || size === file.byteLength);
    }),
  );
  const missing = planned.files.filter((_, index) => here[index] !== true);
  const isProjector = targets.every(isProjectorPath);
  const result = { name: planned.name, paths: targets, bytes: planBytes(planned), isProjector };
  if (missing.length === 0) return { ...result, wasHere: true };
  const resumable = await Promise.all(missing.map((file) => resumableBytes(join(directory, file.target))));
  const totalBytes = missing.reduce((sum, file) => sum + (file.byteLength ?? 0), 0);
  const hereBytes = resumable.reduce((sum, bytes) => sum + bytes, 0);
  await checkDisk(planned.name, directory, totalBytes - hereBytes);
  options.onPlan?.(planned, { totalBytes, hereBytes });
  const rate = new TransferRate(clock);
  let before = 0;
  for (const file of missing) {
    const report = (phase: PullProgress['phase'], doneBytes: number, fileBytes: number): void => {
      const all = Math.max(totalBytes, before + fileBytes);
      const done = before + doneBytes;
      if (phase === 'downloading') rate.add(done);
      options.onProgress?.({
        phase,
        doneBytes: done,
        totalBytes: all,
        bytesPerSecond: rate.bytesPerSecond,
        remainingMs: rate.remainingMs(all - done),
      });
    };
    let fileBytes = file.byteLength ?? 0;
    await downloadFile(file, join(directory, file.target), {
      client,
      clock,
      logger,
      signal,
      onBytes: (done, all) => report('downloading', done, (fileBytes = all)),
      onCheck: (fraction) => report('checking', Math.floor(fraction * fileBytes), fileBytes),
    });
    before += fileBytes;
  }
  return { ...result, bytes: before, wasHere: false };
}

/** Throws `NotEnoughDiskError`. */
export async function checkDisk(name: string, directory: string, neededBytes: number): Promise<void> {
  await mkdir(directory, { recursive: true });
  const freeBytes = await freeDiskBytes(directory);
  if (freeBytes >= neededBytes + PULL_LIMITS.spareDiskBytes) return;
  throw new NotEnoughDiskError(
    `${name} needs ${formatBytes(neededBytes)} more on the disk of ${directory}, but ${formatBytes(freeBytes)} are free (${formatBytes(PULL_LIMITS.spareDiskBytes)} stay so).`,
    { hint: 'Free some space (pippa-agent rm <model>), or take a smaller quantisation.' },
  );
}

/** A file on this machine gets a copy among the agent's own; where the file system can, without taking room twice. */
async function copyModel(path: string, options: PullOptions): Promise<PulledModel> {
  // Reads the header first: what is no model is not copied.
  const model = await readGgufModel(resolve(path), { signal: options.signal });
  const sources = splitPaths(resolve(path));
  const targets = sources.map((source) => join(options.directory, basename(source)));
  const bytes = model.files.reduce((sum, file) => sum + file.byteLength, 0);
  const isProjector = targets.every(isProjectorPath);
  const result = { name: namesOfFile(sources[0] ?? path).name, paths: targets, bytes, isProjector };
  const sizes = await Promise.all(targets.map(async (target) => (await fileStamp(target))?.bytes));
  if (sizes.every((size, index) => size === model.files[index]?.byteLength)) return { ...result, wasHere: true };
  await checkDisk(result.name, options.directory, bytes);
  let done = 0;
  for (const [index, source] of sources.entries()) {
    options.signal.throwIfAborted();
    const target = targets[index] ?? '';
    const temporary = `${target}.part`;
    await mkdir(dirname(target), { recursive: true });
    try {
      await copyFile(source, temporary, constants.COPYFILE_FICLONE);
      await rename(temporary, target);
    } finally {
      await rm(temporary, { force: true });
    }
    done += model.files[index]?.byteLength ?? 0;
    options.onProgress?.({ phase: 'downloading', doneBytes: done, totalBytes: bytes, bytesPerSecond: 0, remainingMs: undefined });
  }
  return { ...result, wasHere: false };
}
