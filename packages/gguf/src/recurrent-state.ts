import { layerCount } from './layout.ts';
import { getArchitectureNumber, getPerLayer } from './metadata.ts';
import type { GgufModel } from './types.ts';

const F32_BYTES = 4;
const PURE = new Set(['mamba', 'mamba2', 'rwkv6', 'rwkv6qwen2', 'rwkv7', 'arwkv7']);
/** Attention and state space side by side in every layer. */
const PARALLEL = new Set(['falcon-h1']);
/** Layers are recurrent but for every `full_attention_interval`-th. */
const INTERVAL = new Map([
  ['qwen3next', 4],
  ['qwen35', 4],
  ['qwen35moe', 4],
]);
/** Layers without key-value heads are the recurrent ones. */
const WITHOUT_HEADS = new Set([
  'jamba',
  'granitehybrid',
  'plamo2',
  'lfm2',
  'lfm2moe',
  'kimi-linear',
  'kimi-k3',
  'bailingmoe3',
  'nemotron_h',
  'nemotron_h_moe',
]);

/** What a layer remembers besides, or instead of, keys and values. */
export interface LayerState {
  readonly hasAttention: boolean;
  /** Fixed size whatever the length of the text; 0 for a layer without recurrent state. */
  readonly bytesPerSequence: number;
}

export function layerState(model: GgufModel, layer: number): LayerState {
  const { architecture } = model;
  const stateful = (hasAttention: boolean): LayerState => ({
    hasAttention,
    bytesPerSequence: stateElements(model, layer) * F32_BYTES,
  });
  if (PURE.has(architecture)) return stateful(false);
  if (PARALLEL.has(architecture)) return stateful(true);
  return isRecurrent(model, layer) ? stateful(false) : { hasAttention: true, bytesPerSequence: 0 };
}

function isRecurrent(model: GgufModel, layer: number): boolean {
  const { architecture, metadata } = model;
  const layers = layerCount(model);
  const interval = INTERVAL.get(architecture);
  if (interval !== undefined) {
    const own = getPerLayer(metadata, `${architecture}.attention.recurrent_layers`, layers);
    if (own !== undefined) return own[layer] !== 0;
    const every = getArchitectureNumber(model, 'full_attention_interval') ?? interval;
    return every > 0 && (layer + 1) % every !== 0;
  }
  if (!WITHOUT_HEADS.has(architecture)) return false;
  const hasHeads = (getPerLayer(metadata, `${architecture}.attention.head_count_kv`, layers)?.[layer] ?? 1) !== 0;
  // Nemotron-H has layers that are a feed-forward network alone: neither attention nor state.
  const isFeedForward =
    architecture.startsWith('nemotron_h') &&
    (getPerLayer(metadata, `${architecture}.feed_forward_length`, layers)?.[layer] ?? 0) !== 0;
  return !hasHeads && !isFeedForward;
}

/** `n_embd_r` + `n_embd_s` of llama.cpp: the convolution's tail and the state matrix. */
function stateElements(model: GgufModel, layer: number): number {
  const number = (key: string): number => getArchitectureNumber(model, key) ?? 0;
  const width = number('embedding_length');
  const wkvHead = number('wkv.head_size');
  if (wkvHead > 0) return (getArchitectureNumber(model, 'token_shift_count') ?? 2) * width + width * wkvHead;
  const shortConvolution = number('shortconv.l_cache');
  if (shortConvolution > 0) return width * (shortConvolution - 1);
  const kernel = number('ssm.conv_kernel');
  const deltaHead = number('kda.head_dim');
  if (deltaHead > 0) {
    const heads = getPerLayer(model.metadata, `${model.architecture}.attention.head_count`, layerCount(model))?.[layer] ?? 0;
    return 3 * (kernel > 0 ? kernel - 1 : 3) * heads * deltaHead + deltaHead * deltaHead * heads;
  }
  const state = number('ssm.state_size');
  const inner = number('ssm.inner_size');
  return Math.max(0, kernel - 1) * (inner + 2 * number('ssm.group_count') * state) + state * inner;
}
