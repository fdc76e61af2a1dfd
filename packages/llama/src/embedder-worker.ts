import { parentPort, workerData } from 'node:worker_threads';
import { describeFailure } from './worker-failure.ts';
import { Embedder } from './embedding/embedder.ts';
import type { EmbedderCommand, EmbedderReport, EmbedderWorkerData } from './embedding/embedder-messages.ts';

/** An embedder in a thread of its own. */
const owner = parentPort;
if (owner === null) throw new Error('embedder-worker.ts runs as a worker thread only.');
const { options, cancelled } = workerData as EmbedderWorkerData;
const cancelFlag = new Uint8Array(cancelled);
const report = (message: EmbedderReport): void => owner.postMessage(message);

try {
  const embedder = new Embedder(options, {
    isCancelled: () => Atomics.load(cancelFlag, 0) === 1,
    onProgress: (fraction) => report({ kind: 'progress', fraction }),
  });
  report({ kind: 'loaded', info: embedder.info });
  owner.on('message', (command: EmbedderCommand | 'close') => {
    if (command === 'close') {
      embedder[Symbol.dispose]();
      owner.close();
      return;
    }
    try {
      report(answer(embedder, command));
    } catch (error) {
      report({ kind: 'refused', id: command.id, failure: describeFailure(error) });
    }
  });
} catch (error) {
  report({ kind: 'failed', failure: describeFailure(error) });
  owner.close();
}

function answer(embedder: Embedder, command: EmbedderCommand): EmbedderReport {
  const { id } = command;
  switch (command.kind) {
    case 'tokenize':
      return { kind: 'tokens', id, tokens: command.texts.map((text) => embedder.tokenize(text)) };
    case 'pairs':
      return { kind: 'tokens', id, tokens: command.documents.map((text) => embedder.tokenizePair(command.query, text)) };
    case 'run':
      return { kind: 'vectors', id, vectors: embedder.run(command.texts) };
  }
}
