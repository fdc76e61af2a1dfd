import { float32, uint32 } from '@pippa/gguf';
import { attention, attentionBiases, denseFeedForward, headNorms, windowMetadata } from './parts.ts';
import { matrix, norms, plain, SIZES, type ArchitectureRecipe } from './recipe.ts';

const { width, kvWidth, headWidth, feedForward, vocabulary } = SIZES;
const head = [matrix('output', width, vocabulary)];
const preNorms = norms('attn_norm', 'ffn_norm');
const postNorms = norms('post_attention_norm', 'post_ffw_norm');

export const DENSE: Readonly<Record<string, ArchitectureRecipe>> = {
  llama: { metadata: () => ({}), layer: () => [...preNorms, ...attention, ...denseFeedForward], global: head },
  mistral3: {
    metadata: () => ({ 'attention.temperature_scale': float32(0.1), 'rope.scaling.original_context_length': uint32(16) }),
    layer: () => [...preNorms, ...attention, ...denseFeedForward],
  },
  /** Stands for the many that llama.cpp runs and the table does not know. */
  internlm2: { metadata: () => ({}), layer: () => [...preNorms, ...attention, ...denseFeedForward], global: head },
  qwen2: {
    metadata: () => ({}),
    layer: () => [...preNorms, ...attention, ...attentionBiases, ...denseFeedForward],
  },
  qwen3: { metadata: () => ({}), layer: () => [...preNorms, ...attention, ...headNorms, ...denseFeedForward], global: head },
  gemma3: {
    metadata: () => ({ ...windowMetadata, 'rope.freq_base_swa': float32(1000) }),
    layer: () => [...preNorms, ...postNorms, ...attention, ...headNorms, ...denseFeedForward],
  },
  gemma2: {
    metadata: () => ({ ...windowMetadata, attn_logit_softcapping: float32(50), final_logit_softcapping: float32(30) }),
    layer: () => [...preNorms, ...postNorms, ...attention, ...denseFeedForward],
  },
  phi3: {
    metadata: () => ({ 'rope.scaling.original_context_length': uint32(64) }),
    layer: () => [
      ...preNorms,
      matrix('attn_qkv', width, width + 2 * kvWidth),
      matrix('attn_output', width, width),
      matrix('ffn_up', width, 2 * feedForward),
      matrix('ffn_down', feedForward, width),
    ],
    global: [...head, plain('rope_factors_long', headWidth / 2), plain('rope_factors_short', headWidth / 2)],
  },
  granite: {
    metadata: () => ({
      logit_scale: float32(8),
      embedding_scale: float32(12),
      residual_scale: float32(0.22),
      'attention.scale': float32(0.1),
    }),
    layer: () => [...preNorms, ...attention, ...denseFeedForward],
  },
  olmo2: {
    metadata: () => ({ ...windowMetadata }),
    layer: () => [...postNorms, plain('attn_q_norm', width), plain('attn_k_norm', kvWidth), ...attention, ...denseFeedForward],
    global: head,
  },
  cohere2: {
    metadata: () => ({ ...windowMetadata, logit_scale: float32(0.25), 'attention.layer_norm_epsilon': float32(1e-5) }),
    layer: () => [...norms('attn_norm'), ...attention, ...denseFeedForward],
  },
};
