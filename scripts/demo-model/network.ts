import type { Ggml, Pointer } from './ggml.ts';

export interface NetworkShape {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly vocabulary: number;
}

export const NORM_EPSILON = 1e-5;
const F32 = 0;
const I32 = 26;
const ROPE_NORMAL = 0;
const GRAPH_NODES = 16_384;

export interface Parameter {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly tensor: Pointer;
}

/** A llama with its loss, gradients and AdamW steps as one ggml graph over rows of `batch * length` tokens. */
export class TrainingNetwork {
  readonly parameters: Parameter[] = [];
  readonly #ggml: Ggml;
  readonly #backend: Pointer;
  readonly #graph: Pointer;
  readonly #tokens: Pointer;
  readonly #positions: Pointer;
  readonly #labels: Pointer;
  readonly #mask: Pointer;
  readonly #optimiser: Pointer;
  readonly #loss: Pointer;
  readonly #lossGradient: Pointer;
  readonly #vocabulary: number;
  #step = 0;

  constructor(ggml: Ggml, backend: Pointer, shape: NetworkShape, batch: number, length: number, random: () => number) {
    this.#ggml = ggml;
    this.#backend = backend;
    this.#vocabulary = shape.vocabulary;
    const rows = batch * length;
    const fixed = ggml.init({ mem_size: 4 * 1024 * 1024, mem_buffer: null, no_alloc: true });
    this.#tokens = ggml.new1d(fixed, I32, rows);
    this.#positions = ggml.new1d(fixed, I32, length);
    this.#labels = ggml.new2d(fixed, F32, shape.vocabulary, rows);
    this.#mask = ggml.new2d(fixed, F32, length, length);
    this.#optimiser = ggml.new1d(fixed, F32, 7);
    this.#addParameters(fixed, shape);
    const momenta = this.parameters.map(
      ({ dimensions }) => [newTensor(ggml, fixed, dimensions), newTensor(ggml, fixed, dimensions)] as const,
    );
    ggml.allocateAll(fixed, backend);
    for (const parameter of this.parameters) write(ggml, parameter.tensor, initialValues(parameter.dimensions, random));
    for (const [index, pair] of momenta.entries()) {
      const zeros = new Float32Array(elements((this.parameters[index] as Parameter).dimensions));
      for (const momentum of pair) write(ggml, momentum, zeros);
    }
    this.#fillConstants(length);

    const context = ggml.init({ mem_size: 64 * 1024 * 1024, mem_buffer: null, no_alloc: true });
    this.#graph = ggml.newGraph(context, GRAPH_NODES, true);
    this.#loss = ggml.crossEntropy(context, this.#logits(context, shape, batch, length), this.#labels);
    ggml.setLoss(this.#loss);
    ggml.setOutput(this.#loss);
    ggml.forward(this.#graph, this.#loss);
    ggml.backward(context, this.#graph, null);
    this.#lossGradient = ggml.gradientAccumulator(this.#graph, this.#loss);
    ggml.setInput(this.#lossGradient);
    for (const [index, parameter] of this.parameters.entries()) {
      const [m, v] = momenta[index] as readonly [Pointer, Pointer];
      ggml.forward(
        this.#graph,
        ggml.adamw(context, parameter.tensor, ggml.gradient(this.#graph, parameter.tensor), m, v, this.#optimiser),
      );
    }
    if (!ggml.allocateGraph(ggml.allocator(ggml.bufferType(backend)), this.#graph))
      throw new Error('The training graph does not fit the memory.');
  }

  /** One AdamW step; returns the mean cross entropy before it. `targets`: the next token of every row. */
  train(tokens: Int32Array, targets: Int32Array, learningRate: number): number {
    this.#step += 1;
    const beta1 = 0.9;
    const beta2 = 0.98;
    const labels = new Float32Array(targets.length * this.#vocabulary);
    for (const [row, target] of targets.entries()) labels[row * this.#vocabulary + target] = 1;
    write(this.#ggml, this.#tokens, tokens);
    write(this.#ggml, this.#labels, labels);
    write(
      this.#ggml,
      this.#optimiser,
      Float32Array.of(learningRate, beta1, beta2, 1e-8, 0, 1 / (1 - beta1 ** this.#step), 1 / (1 - beta2 ** this.#step)),
    );
    write(this.#ggml, this.#lossGradient, Float32Array.of(1));
    const status = this.#ggml.compute(this.#backend, this.#graph);
    if (status !== 0) throw new Error(`The training graph failed with status ${status}.`);
    const loss = new Float32Array(1);
    this.#ggml.get(this.#loss, loss, 0, 4);
    return loss[0] as number;
  }

  weights(parameter: Parameter): Float32Array {
    const values = new Float32Array(elements(parameter.dimensions));
    this.#ggml.get(parameter.tensor, values, 0, values.byteLength);
    return values;
  }

  #addParameters(context: Pointer, { layers, width, feedForward, vocabulary }: NetworkShape): void {
    const add = (name: string, ...dimensions: number[]): void => {
      const tensor = newTensor(this.#ggml, context, dimensions);
      this.#ggml.setParam(tensor);
      this.parameters.push({ name: `${name}.weight`, dimensions, tensor });
    };
    add('token_embd', width, vocabulary);
    add('output_norm', width);
    add('output', width, vocabulary);
    for (let layer = 0; layer < layers; layer += 1) {
      add(`blk.${layer}.attn_norm`, width);
      for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_output']) add(`blk.${layer}.${part}`, width, width);
      add(`blk.${layer}.ffn_norm`, width);
      add(`blk.${layer}.ffn_gate`, width, feedForward);
      add(`blk.${layer}.ffn_up`, width, feedForward);
      add(`blk.${layer}.ffn_down`, feedForward, width);
    }
  }

  /** `[vocabulary, batch * length]` */
  #logits(context: Pointer, { layers, width, heads }: NetworkShape, batch: number, length: number): Pointer {
    const g = this.#ggml;
    const byName = new Map(this.parameters.map(({ name, tensor }) => [name, tensor]));
    const weight = (name: string): Pointer => byName.get(`${name}.weight`) as Pointer;
    const norm = (x: Pointer, name: string): Pointer => g.mul(context, g.rmsNorm(context, x, NORM_EPSILON), weight(name));
    const headWidth = width / heads;
    const split = (x: Pointer): Pointer => g.reshape4d(context, x, headWidth, heads, length, batch);
    let x = g.getRows(context, weight('token_embd'), this.#tokens);
    for (let layer = 0; layer < layers; layer += 1) {
      const prefix = `blk.${layer}`;
      const input = norm(x, `${prefix}.attn_norm`);
      const project = (name: string): Pointer => split(g.matmul(context, weight(`${prefix}.${name}`), input));
      const rotate = (y: Pointer): Pointer =>
        g.cont(context, g.permute(context, g.rope(context, y, this.#positions, headWidth, ROPE_NORMAL), 0, 2, 1, 3));
      const queries = rotate(project('attn_q'));
      const keys = rotate(project('attn_k'));
      const values = g.cont(context, g.permute(context, project('attn_v'), 1, 2, 0, 3));
      const attention = g.softMax(context, g.matmul(context, keys, queries), this.#mask, 1 / Math.sqrt(headWidth), 0);
      const mixed = g.cont(context, g.permute(context, g.matmul(context, values, attention), 0, 2, 1, 3));
      x = g.add(context, x, g.matmul(context, weight(`${prefix}.attn_output`), g.reshape2d(context, mixed, width, length * batch)));
      const hidden = norm(x, `${prefix}.ffn_norm`);
      const gate = g.silu(context, g.matmul(context, weight(`${prefix}.ffn_gate`), hidden));
      const up = g.matmul(context, weight(`${prefix}.ffn_up`), hidden);
      x = g.add(context, x, g.matmul(context, weight(`${prefix}.ffn_down`), g.mul(context, gate, up)));
    }
    return g.matmul(context, weight('output'), norm(x, 'output_norm'));
  }

  #fillConstants(length: number): void {
    write(
      this.#ggml,
      this.#positions,
      Int32Array.from({ length }, (_, index) => index),
    );
    const mask = new Float32Array(length * length);
    for (let query = 0; query < length; query += 1) mask.fill(-Infinity, query * length + query + 1, (query + 1) * length);
    write(this.#ggml, this.#mask, mask);
  }
}

function newTensor(ggml: Ggml, context: Pointer, dimensions: readonly number[]): Pointer {
  const [first, second] = dimensions as [number, number | undefined];
  return second === undefined ? ggml.new1d(context, F32, first) : ggml.new2d(context, F32, first, second);
}

function write(ggml: Ggml, tensor: Pointer, values: Float32Array | Int32Array): void {
  ggml.set(tensor, values, 0, values.byteLength);
}

function elements(dimensions: readonly number[]): number {
  return dimensions.reduce((product, dimension) => product * dimension, 1);
}

/** Norms start at 1, matrices normally distributed (Box-Muller) as in GPT-2. */
function initialValues(dimensions: readonly number[], random: () => number): Float32Array {
  const values = new Float32Array(elements(dimensions));
  if (dimensions.length === 1) return values.fill(1);
  const deviation = Math.min(0.06, 1 / Math.sqrt(dimensions[0] as number));
  for (let index = 0; index < values.length; index += 1) {
    values[index] = deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  }
  return values;
}
