import { parentPort, workerData } from 'node:worker_threads';
import { Vocabulary } from './vocabulary.ts';
import { describeFailure } from './worker-failure.ts';
import type { WorkerFailure } from './worker-messages.ts';
import type { VocabularyTable } from './vocabulary.ts';

export interface TokenizeRequest {
  readonly id: number;
  readonly text: string;
  readonly addSpecial: boolean;
  readonly parseSpecial: boolean;
}

export type TokenizerReport =
  | { readonly kind: 'table'; readonly table: VocabularyTable }
  | { readonly kind: 'failed'; readonly failure: WorkerFailure }
  | { readonly kind: 'tokens'; readonly id: number; readonly tokens: Int32Array<ArrayBuffer> };

/** Tokenizes away from the main thread: a prompt of 100,000 tokens takes a tenth of a second. */
const owner = parentPort;
if (owner === null) throw new Error('tokenizer-worker.ts runs as a worker thread only.');
const report = (message: TokenizerReport): void => owner.postMessage(message);
try {
  const vocabulary = new Vocabulary((workerData as { path: string }).path);
  report({ kind: 'table', table: vocabulary.table() });
  owner.on('message', (request: TokenizeRequest | 'close') => {
    if (request === 'close') {
      vocabulary[Symbol.dispose]();
      owner.close();
      return;
    }
    const tokens = vocabulary.tokenize(request.text, request.addSpecial, request.parseSpecial);
    report({ kind: 'tokens', id: request.id, tokens });
  });
} catch (error) {
  report({ kind: 'failed', failure: describeFailure(error) });
  owner.close();
}
