import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTokenizer } from '@pippa/llama';
import { trainBytePairs, SPECIAL_TOKENS } from './byte-pair-encoding.ts';
import { randomDialogue, seededRandom } from './dialogues.ts';
import { cpuBackend, openGgml } from './ggml.ts';
import { writeModelFile } from './model-file.ts';
import { TrainingNetwork, type NetworkShape } from './network.ts';

export interface TrainingPlan {
  readonly shape: Omit<NetworkShape, 'vocabulary'>;
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly steps: number;
  /** Where the learning rate's cosine would end; training may stop before. */
  readonly scheduleSteps: number;
  readonly batch: number;
  /** Tokens a training row has. */
  readonly length: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly threads: number;
}

/** The plan behind the committed model. */
export const PIPPA_TINY: TrainingPlan = {
  shape: { layers: 8, width: 96, heads: 4, feedForward: 256 },
  vocabularySize: 768,
  contextLength: 2048,
  steps: 800,
  scheduleSteps: 1200,
  batch: 8,
  length: 144,
  learningRate: 3e-3,
  seed: 7,
  threads: 2,
};

const PADDING = SPECIAL_TOKENS.indexOf('<|endoftext|>');
const WARM_UP_STEPS = 50;
const CHECKPOINT_STEPS = 200;

/** Trains a model and writes it to `path`, now and then and at the end. `onStep` gets the mean cross entropy of each step. */
export async function train(path: string, plan: TrainingPlan, onStep: (step: number, loss: number) => void): Promise<void> {
  const random = seededRandom(plan.seed);
  const sample = Array.from({ length: 3000 }, () => randomDialogue(random));
  const vocabulary = trainBytePairs(sample, plan.vocabularySize);
  const shape: NetworkShape = { ...plan.shape, vocabulary: vocabulary.tokens.length };
  const folder = await mkdtemp(join(tmpdir(), 'pippa-train-'));
  const vocabularyPath = join(folder, 'vocabulary.gguf');
  await writeModelFile(vocabularyPath, vocabulary, shape, plan.contextLength, []);
  // The engine's own tokenizer, so that training sees exactly what inference will.
  const tokenizer = await openTokenizer(vocabularyPath);
  const ggml = openGgml();
  const network = new TrainingNetwork(ggml, cpuBackend(ggml, 0, plan.threads), shape, plan.batch, plan.length, random);
  const save = async (): Promise<void> => {
    const weights = network.parameters.map((parameter) => ({
      name: parameter.name,
      dimensions: parameter.dimensions,
      values: network.weights(parameter),
    }));
    await writeModelFile(`${path}.part`, vocabulary, shape, plan.contextLength, weights);
    await rename(`${path}.part`, path);
  };
  try {
    for (let step = 1; step <= plan.steps; step += 1) {
      const tokens = new Int32Array(plan.batch * plan.length).fill(PADDING);
      const targets = new Int32Array(plan.batch * plan.length).fill(PADDING);
      for (let row = 0; row < plan.batch; row += 1) {
        const ids = await tokenizer.tokenize(randomDialogue(random), { addSpecial: false, parseSpecial: true });
        tokens.set(ids.subarray(0, plan.length), row * plan.length);
        targets.set(ids.subarray(1, plan.length + 1), row * plan.length);
      }
      onStep(step, network.train(tokens, targets, learningRate(plan, step)));
      if (step % CHECKPOINT_STEPS === 0) await save();
    }
    await save();
  } finally {
    await tokenizer[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Linear warm-up, then a cosine down to a fiftieth. */
function learningRate(plan: TrainingPlan, step: number): number {
  if (step < WARM_UP_STEPS) return (plan.learningRate * step) / WARM_UP_STEPS;
  const progress = (step - WARM_UP_STEPS) / Math.max(1, plan.scheduleSteps - WARM_UP_STEPS);
  return plan.learningRate * (0.02 + 0.98 * 0.5 * (1 + Math.cos(Math.PI * progress)));
}
