/** A bare engine in a thread of its own: generates as many tokens as it is told and reports the speed. */
import { parentPort, workerData } from 'node:worker_threads';
import { BareEngine } from './bare-engine.ts';
import { randomPrompt } from './bench-model.ts';

const PROMPT_TOKENS = 16;
const { path } = workerData as { readonly path: string };
const engine = new BareEngine(path, { threads: 1, cells: 1024, sequences: 1, maxRows: 512 });
parentPort?.on('message', ({ tokens, seed }: { readonly tokens: number; readonly seed: number }) => {
  engine.clear();
  const first = engine.prefill(randomPrompt(PROMPT_TOKENS, seed), 512);
  parentPort?.postMessage((tokens * 1000) / engine.generate(first, PROMPT_TOKENS, tokens));
});
parentPort?.postMessage(0);
