import { uint32 } from '@pippa/gguf';
import { bias, matrix, plain, SIZES, type PlainTensor } from './recipe.ts';

const { width, kvWidth, headWidth, feedForward, experts, expertFeedForward } = SIZES;

export const attention: readonly PlainTensor[] = [
  matrix('attn_q', width, width),
  matrix('attn_k', width, kvWidth),
  matrix('attn_v', width, kvWidth),
  matrix('attn_output', width, width),
];
export const attentionBiases: readonly PlainTensor[] = [bias('attn_q', width), bias('attn_k', kvWidth), bias('attn_v', kvWidth)];
export const headNorms: readonly PlainTensor[] = [plain('attn_q_norm', headWidth), plain('attn_k_norm', headWidth)];
export const denseFeedForward: readonly PlainTensor[] = [
  matrix('ffn_gate', width, feedForward),
  matrix('ffn_up', width, feedForward),
  matrix('ffn_down', feedForward, width),
];
export const expertFeedForwards: readonly PlainTensor[] = [
  plain('ffn_gate_inp', width, experts),
  matrix('ffn_gate_exps', width, expertFeedForward, experts),
  matrix('ffn_up_exps', width, expertFeedForward, experts),
  matrix('ffn_down_exps', expertFeedForward, width, experts),
];
export const sharedExpert: readonly PlainTensor[] = [
  matrix('ffn_gate_shexp', width, expertFeedForward),
  matrix('ffn_up_shexp', width, expertFeedForward),
  matrix('ffn_down_shexp', expertFeedForward, width),
];
export const expertMetadata = {
  expert_count: uint32(experts),
  expert_used_count: uint32(SIZES.expertsUsed),
  expert_feed_forward_length: uint32(expertFeedForward),
} as const;
export const windowMetadata = { 'attention.sliding_window': uint32(SIZES.window) } as const;
