import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { StoppedError } from '@pippa/core';
import type { StageInput } from '@pippa/protocol';
import { DirectWays } from './direct-ways.ts';
import { Stage } from './stage.ts';
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
const { options, cancelled, stepsTaken } = workerData as StageWorkerData;
const stepsCounted = new Uint32Array(stepsTaken);
const cancelFlag = new Uint8Array(cancelled);
const report = (message: StageWorkerReport, transfer: ArrayBuffer[] = []): void => owner.postMessage(message, transfer);

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
  ways = new DirectWays(stage.info, computeCounted, (trouble) => report({ kind: 'trouble', trouble }));
  report({ kind: 'loaded', info: stage.info });
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
      input.on('message', take);
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
  if (frame.kind === 'reset') stage?.reset();
  else if (frame.kind === 'step') compute(frame);
  else output?.postMessage(frame);
}

function computeCounted(input: StageInput): void {
  Atomics.add(stepsCounted, 0, 1);
  compute(input);
}

function compute({
  step,
  hidden,
  timings,
}: Pick<StageInput, 'step' | 'timings'> & { readonly hidden?: StageInput['hidden'] }): void {
  if (stage === undefined) return;
  try {
    const started = performance.now();
    const produced = stage.run(step, hidden);
    const spent = [...timings, { computeMs: performance.now() - started }];
    if (produced.kind === 'hidden') {
      emit({ kind: 'step', step, hidden: produced.hidden, timings: spent });
    } else {
      const { samples, samplerFailures } = produced;
      emit({ kind: 'result', result: { id: step.id, epoch: step.epoch, samples, samplerFailures, timings: spent } });
    }
  } catch (error) {
    output?.postMessage({ kind: 'failure', stepId: step.id, failure: describeFailure(error) } satisfies StageOutputFrame);
  }
}

function emit(frame: StageOutputFrame): void {
  const left = ways === undefined ? frame : ways.deliver(frame);
  if (left === undefined) return;
  output?.postMessage(left, left.kind === 'step' ? [left.hidden.buffer] : []);
}
