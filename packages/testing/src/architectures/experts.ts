import { float32, uint32 } from '@pippa/gguf';
import {
  attention,
  attentionBiases,
  denseFeedForward,
  expertFeedForwards,
  expertMetadata,
  headNorms,
  sharedExpert,
  windowMetadata,
} from './parts.ts';
import { bias, matrix, norms, plain, SIZES, type ArchitectureRecipe } from './recipe.ts';

const { width, heads, experts, expertFeedForward, vocabulary } = SIZES;
const head = [matrix('output', width, vocabulary)];
const preNorms = norms('attn_norm', 'ffn_norm');

/** Multi-head latent attention: ranks of the compressed queries and keys, head widths with and without RoPE. */
const MLA = { queryRank: 32, keyRank: 32, rope: 16, plain: 32, value: 32 } as const;
const DENSE_LAYERS = 2;

export const EXPERTS: Readonly<Record<string, ArchitectureRecipe>> = {
  qwen3moe: {
    metadata: () => expertMetadata,
    layer: () => [...preNorms, ...attention, ...headNorms, ...expertFeedForwards],
    global: head,
  },
  qwen2moe: {
    metadata: () => ({ ...expertMetadata, expert_shared_feed_forward_length: uint32(expertFeedForward) }),
    layer: () => [
      ...preNorms,
      ...attention,
      ...attentionBiases,
      ...expertFeedForwards,
      ...sharedExpert,
      plain('ffn_gate_inp_shexp', width),
    ],
    global: head,
  },
  'gpt-oss': {
    metadata: () => ({ ...expertMetadata, ...windowMetadata }),
    layer: () => [
      ...norms('attn_norm', 'post_attention_norm'),
      ...attention,
      ...attentionBiases,
      bias('attn_output', width),
      plain('attn_sinks', heads),
      ...expertFeedForwards,
      bias('ffn_gate_inp', experts),
      bias('ffn_gate_exps', expertFeedForward, experts),
      bias('ffn_up_exps', expertFeedForward, experts),
      bias('ffn_down_exps', width, experts),
    ],
    global: head,
  },
  glm4moe: {
    metadata: () => ({
      ...expertMetadata,
      expert_shared_count: uint32(1),
      leading_dense_block_count: uint32(DENSE_LAYERS),
      expert_weights_scale: float32(1.5),
    }),
    layer: (index) => [
      ...norms('attn_norm', 'post_attention_norm'),
      ...attention,
      ...attentionBiases,
      ...headNorms,
      ...(index < DENSE_LAYERS ? denseFeedForward : [...expertFeedForwards, bias('exp_probs_b', experts), ...sharedExpert]),
    ],
    global: head,
  },
  deepseek2: {
    metadata: () => ({
      ...expertMetadata,
      expert_shared_count: uint32(1),
      leading_dense_block_count: uint32(DENSE_LAYERS),
      expert_weights_scale: float32(1.5),
      'attention.head_count_kv': uint32(1),
      'attention.q_lora_rank': uint32(MLA.queryRank),
      'attention.kv_lora_rank': uint32(MLA.keyRank),
      'attention.key_length': uint32(MLA.keyRank + MLA.rope),
      'attention.value_length': uint32(MLA.keyRank),
      'attention.key_length_mla': uint32(MLA.plain + MLA.rope),
      'attention.value_length_mla': uint32(MLA.value),
      'rope.dimension_count': uint32(MLA.rope),
    }),
    layer: (index) => [
      ...preNorms,
      matrix('attn_q_a', width, MLA.queryRank),
      plain('attn_q_a_norm', MLA.queryRank),
      matrix('attn_q_b', MLA.queryRank, heads * (MLA.plain + MLA.rope)),
      matrix('attn_kv_a_mqa', width, MLA.keyRank + MLA.rope),
      plain('attn_kv_a_norm', MLA.keyRank),
      matrix('attn_k_b', MLA.plain, MLA.keyRank, heads),
      matrix('attn_v_b', MLA.keyRank, MLA.value, heads),
      matrix('attn_output', heads * MLA.value, width),
      ...(index < DENSE_LAYERS ? denseFeedForward : [...expertFeedForwards, bias('exp_probs_b', experts), ...sharedExpert]),
    ],
    global: head,
  },
};
