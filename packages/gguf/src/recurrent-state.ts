import { layerCount, trunkLayerCount } from './layout.ts';
import { getArchitectureNumber, getPerLayer } from './metadata.ts';
import type { GgufModel } from './types.ts';

const F32_BYTES = 4;

/** What a recurrent layer remembers: `n_embd_r` + `n_embd_s` of llama.cpp. */
type StateKind = 'state-space' | 'time-mix' | 'short-convolution' | 'delta' | 'lightning';

/** Which layers are recurrent. A number: all but every so many-th, unless the file lists them. */
type StateLayers = 'all' | 'all-beside-attention' | 'without-heads' | number;

const STATEFUL: ReadonlyMap<string, readonly [StateLayers, StateKind]> = new Map(
  Object.entries<readonly [StateLayers, StateKind]>({
    mamba: ['all', 'state-space'],
    mamba2: ['all', 'state-space'],
    rwkv6: ['all', 'time-mix'],
    rwkv6qwen2: ['all', 'time-mix'],
    rwkv7: ['all', 'time-mix'],
    arwkv7: ['all', 'time-mix'],
    'falcon-h1': ['all-beside-attention', 'state-space'],
    jamba: ['without-heads', 'state-space'],
    granitehybrid: ['without-heads', 'state-space'],
    plamo2: ['without-heads', 'state-space'],
    nemotron_h: ['without-heads', 'state-space'],
    nemotron_h_moe: ['without-heads', 'state-space'],
    lfm2: ['without-heads', 'short-convolution'],
    lfm2moe: ['without-heads', 'short-convolution'],
    'kimi-linear': ['without-heads', 'delta'],
    'kimi-k3': ['without-heads', 'delta'],
    bailingmoe3: ['without-heads', 'delta'],
    qwen3next: [4, 'state-space'],
    qwen35: [4, 'state-space'],
    qwen35moe: [4, 'state-space'],
    qwen4exp: [4, 'state-space'],
    'minimax-01': [8, 'lightning'],
  }),
);

/** What a layer remembers besides, or instead of, keys and values. */
export interface LayerState {
  readonly hasAttention: boolean;
  /** Fixed size whatever the length of the text; 0 for a layer without recurrent state. */
  readonly bytesPerSequence: number;
}

export function layerState(model: GgufModel, layer: number): LayerState {
  const stateful = STATEFUL.get(model.architecture);
  if (stateful === undefined) return { hasAttention: true, bytesPerSequence: 0 };
  const [layers, kind] = stateful;
  if (!isRecurrent(model, layer, layers)) return { hasAttention: !isFeedForward(model, layer), bytesPerSequence: 0 };
  return { hasAttention: layers === 'all-beside-attention', bytesPerSequence: stateElements(model, kind) * F32_BYTES };
}

function isRecurrent(model: GgufModel, layer: number, layers: StateLayers): boolean {
  if (layers === 'all' || layers === 'all-beside-attention') return true;
  const { architecture, metadata } = model;
  if (layer >= trunkLayerCount(model)) return false;
  if (layers === 'without-heads') {
    const heads = getPerLayer(metadata, `${architecture}.attention.head_count_kv`, layerCount(model))?.[layer] ?? 1;
    return heads === 0 && !isFeedForward(model, layer);
  }
  const own = getPerLayer(metadata, `${architecture}.attention.recurrent_layers`, layerCount(model));
  if (own !== undefined) return own[layer] !== 0;
  const every = getArchitectureNumber(model, 'full_attention_interval') ?? layers;
  return every > 0 && (layer + 1) % every !== 0;
}

/** Nemotron-H has layers that are a feed-forward network alone: neither attention nor state. */
function isFeedForward(model: GgufModel, layer: number): boolean {
  const { architecture, metadata } = model;
  if (!architecture.startsWith('nemotron_h')) return false;
  return (getPerLayer(metadata, `${architecture}.feed_forward_length`, layerCount(model))?.[layer] ?? 0) !== 0;
}

function stateElements(model: GgufModel, kind: StateKind): number {
  const number = (key: string, otherwise = 0): number => getArchitectureNumber(model, key) ?? otherwise;
  const width = number('embedding_length');
  // llama.cpp takes the first layer's heads for all.
  const heads = getPerLayer(model.metadata, `${model.architecture}.attention.head_count`, layerCount(model))?.[0] ?? 0;
  switch (kind) {
    case 'time-mix':
      return number('token_shift_count', 2) * width + width * number('wkv.head_size');
    case 'short-convolution':
      return width * Math.max(0, number('shortconv.l_cache') - 1);
    case 'delta': {
      const head = number('kda.head_dim');
      return 3 * Math.max(0, number('ssm.conv_kernel', 4) - 1) * heads * head + head * head * heads;
    }
    case 'lightning': {
      const head = number('attention.key_length', heads === 0 ? 0 : Math.floor(width / heads));
      return head * head * heads;
    }
    case 'state-space':
    default: {
      const state = number('ssm.state_size');
      const inner = number('ssm.inner_size');
      return Math.max(0, number('ssm.conv_kernel') - 1) * (inner + 2 * number('ssm.group_count') * state) + state * inner;
    }
  }
}
