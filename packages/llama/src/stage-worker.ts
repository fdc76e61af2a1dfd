import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { StoppedError } from '@pippa/core';
import { Stage } from './stage.ts';
import type { StageFrame, StageWorkerCommand, StageWorkerData, StageWorkerReport } from './worker-messages.ts';
import { describeFailure } from './worker-failure.ts';

/**
 * A stage in a thread of its own. Frames come over one port and leave over another, straight to the next stage: the main thread is
 * not in between, and a long step blocks nobody but this stage.
 */
const owner = parentPort;
if (owner === null) throw new Error('stage-worker.ts runs as a worker thread only.');
const { options, cancelled } = workerData as StageWorkerData;
const cancelFlag = new Uint8Array(cancelled);
const report = (message: StageWorkerReport, transfer: ArrayBuffer[] = []): void => owner.postMessage(message, transfer);

let stage: Stage | undefined;
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
  report({ kind: 'loaded', info: stage.info });
} catch (error) {
  report({ kind: 'failed', failure: describeFailure(error) });
  owner.close();
}

let input: MessagePort | undefined;
owner.on('message', (command: StageWorkerCommand) => {
  if (command.kind === 'connect') {
    input = command.input;
    input.on('message', (frame: StageFrame) => forward(frame, command.output));
    return;
  }
  if (command.kind !== 'close') {
    exchangeSlot(command);
    return;
  }
  input?.close();
  stage?.[Symbol.dispose]();
  stage = undefined;
  report({ kind: 'closed' });
  owner.close();
});

function exchangeSlot(command: Extract<StageWorkerCommand, { kind: 'export' | 'import' }>): void {
  const { id } = command;
  try {
    if (stage === undefined) throw new StoppedError('The stage has stopped.');
    if (command.kind === 'export') {
      const bytes = stage.exportSlot(command.slot);
      report({ kind: 'slot', id, bytes }, [bytes.buffer]);
    } else {
      stage.importSlot(command.slot, command.bytes);
      report({ kind: 'slot', id });
    }
  } catch (error) {
    report({ kind: 'slot', id, failure: describeFailure(error) });
  }
}

function forward(frame: StageFrame, output: MessagePort): void {
  if (frame.kind === 'reset') {
    stage?.reset();
    return;
  }
  if (frame.kind !== 'step' || stage === undefined) {
    output.postMessage(frame);
    return;
  }
  const { step } = frame;
  try {
    const started = performance.now();
    const produced = stage.run(step, frame.hidden);
    const timings = [...frame.timings, { computeMs: performance.now() - started }];
    if (produced.kind === 'hidden') {
      const next: StageFrame = { kind: 'step', step, hidden: produced.hidden, timings };
      output.postMessage(next, [produced.hidden.buffer]);
    } else {
      const { samples, samplerFailures } = produced;
      const next: StageFrame = { kind: 'result', result: { id: step.id, epoch: step.epoch, samples, samplerFailures, timings } };
      output.postMessage(next);
    }
  } catch (error) {
    const next: StageFrame = { kind: 'failure', stepId: step.id, failure: describeFailure(error) };
    output.postMessage(next);
  }
}
