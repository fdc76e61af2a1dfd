import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { StoppedError } from '@pippa/core';
import { DirectWays } from './direct-ways.ts';
import { DroppedBuffers } from './dropped-buffers.ts';
import { HugePages } from './huge-pages.ts';
import { Stage } from './stage.ts';
import { StageCounters } from './stage-counters.ts';
import { StepQueue } from './step-queue.ts';
import type {
  StageInputFrame,
  StageOutputFrame,
  StageRequest,
  StageWorkerCommand,
  StageWorkerData,
  StageWorkerReport,
} from './worker-messages.ts';
import { describeFailure } from './worker-failure.ts';

/**
 * A stage in a thread of its own. Frames come over one port and leave over another, or over direct ways to the neighbours on other nodes: the
 * main thread is not in between, and a long step blocks nobody but this stage.
 */
const owner = parentPort;
if (owner === null) throw new Error('stage-worker.ts runs as a worker thread only.');
const { options, cancelled, counters: shared } = workerData as StageWorkerData;
const counters = new StageCounters(shared);
const queue = new StepQueue(perform);
const cancelFlag = new Uint8Array(cancelled);
const report = (message: StageWorkerReport, transfer: ArrayBuffer[] = []): void => owner.postMessage(message, transfer);

/** Steps of an answer follow each other within less, over several stages, too. */
const QUIET_MS = 50;
const LOOK_MS = 5;
/** Between two huge pages while steps follow each other. */
const BUSY_MS = 200;
let lastStepMs = 0;
const dropped = new DroppedBuffers();

let stage: Stage | undefined;
let ways: DirectWays | undefined;
let output: MessagePort | undefined;
try {
  let lastReported = 0;
  stage = new Stage(options, {
    isCancelled: () => Atomics.load(cancelFlag, 0) === 1,
    onProgress(fraction) {
      if (fraction - lastReported < 0.01 && fraction < 1) return;
      lastReported = fraction;
      report({ kind: 'progress', fraction });
    },
  });
  ways = new DirectWays(stage.info, {
    queue,
    onTrouble: (trouble) => report({ kind: 'trouble', trouble }),
  });
  report({ kind: 'loaded', info: stage.info });
  if (stage.info.backend === 'CPU') settleIn(new HugePages());
} catch (error) {
  report({ kind: 'failed', failure: describeFailure(error) });
  owner.close();
}

let input: MessagePort | undefined;
owner.on('message', (command: StageWorkerCommand) => {
  switch (command.kind) {
    case 'connect':
      input = command.input;
      output = command.output;
      input.on('message', (frame: StageInputFrame | StageOutputFrame) => take(frame));
      break;
    case 'request':
      void respond(command.id, command.request);
      break;
    case 'close-ways':
      ways?.close();
      break;
    case 'close':
    default:
      input?.close();
      ways?.close();
      stage?.[Symbol.dispose]();
      stage = undefined;
      report({ kind: 'closed' });
      owner.close();
  }
});

async function respond(id: number, request: StageRequest): Promise<void> {
  try {
    const value = await answer(request);
    report({ kind: 'answer', id, value }, value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []);
  } catch (error) {
    report({ kind: 'answer', id, failure: describeFailure(error) });
  }
}

function answer(request: StageRequest): unknown {
  if (stage === undefined || ways === undefined) throw new StoppedError('The stage has stopped.');
  switch (request.kind) {
    case 'export':
      return stage.exportSlot(request.slot, request.range);
    case 'import':
      return stage.importSlot(request.slot, request.bytes, request.from);
    case 'take':
      return ways.take(request.options);
    case 'hand':
    default:
      return ways.hand(request.offer, request.options);
  }
}

function take(frame: StageInputFrame | StageOutputFrame): void {
  if (frame.kind === 'reset' || frame.kind === 'step') queue.push(frame, false);
  else output?.postMessage(frame);
}

/**
 * A huge page takes the system some milliseconds, in which a step would wait: one at a time, between
 * answers, and seldom in the middle of one.
 */
function settleIn(pages: HugePages, lastPageMs = 0): void {
  const nowMs = performance.now();
  const isTime = nowMs - lastStepMs > QUIET_MS || nowMs - lastPageMs > BUSY_MS;
  if (stage === undefined || (isTime && !pages.next(1))) return;
  setTimeout(settleIn, isTime ? 0 : LOOK_MS, pages, isTime ? nowMs : lastPageMs).unref();
}

function perform(frame: StageInputFrame): void {
  if (frame.kind === 'reset') stage?.reset();
  else compute(frame);
}

function compute({ step, hidden, timings, takingInMs = 0 }: Extract<StageInputFrame, { kind: 'step' }>): void {
  if (stage === undefined) return;
  try {
    const startedMs = performance.now();
    const produced = stage.run(step, hidden);
    const doneMs = performance.now();
    lastStepMs = doneMs;
    const spent = [...timings, { computeMs: doneMs - startedMs }];
    if (produced.kind === 'hidden') {
      emit({ kind: 'step', step, hidden: produced.hidden, timings: spent });
    } else {
      const { samples, samplerFailures } = produced;
      emit({ kind: 'result', result: { id: step.id, epoch: step.epoch, samples, samplerFailures, timings: spent } });
    }
    counters.addStep(takingInMs + performance.now() - doneMs);
    dropped.add(hidden?.byteLength ?? 0);
  } catch (error) {
    output?.postMessage({ kind: 'failure', stepId: step.id, failure: describeFailure(error) } satisfies StageOutputFrame);
  }
}

function emit(frame: StageOutputFrame): void {
  const left = ways === undefined ? frame : ways.deliver(frame);
  if (left === undefined) return;
  output?.postMessage(left, left.kind === 'step' ? [left.hidden.buffer] : []);
}
