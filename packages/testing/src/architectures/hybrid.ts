import { arrayOf, uint32 } from '@pippa/gguf';
import { attention, denseFeedForward, expertFeedForwards, expertMetadata, headNorms, sharedExpert } from './parts.ts';
import { bias, matrix, norms, plain, SIZES, type ArchitectureRecipe, type PlainTensor } from './recipe.ts';

const { width, kvWidth, headWidth, heads, expertFeedForward, vocabulary } = SIZES;
const head = [matrix('output', width, vocabulary)];

/** Every so many-th layer attends; the others are gated delta nets: heads of keys and values, their width, the convolution's length. */
const INTERVAL = 4;
const DELTA = { keyHeads: 2, valueHeads: 4, state: 16, convolution: 4 } as const;
const keyWidth = DELTA.keyHeads * DELTA.state;
const valueWidth = DELTA.valueHeads * DELTA.state;

const stateMetadata = {
  full_attention_interval: uint32(INTERVAL),
  'ssm.conv_kernel': uint32(DELTA.convolution),
  'ssm.inner_size': uint32(valueWidth),
  'ssm.state_size': uint32(DELTA.state),
  'ssm.time_step_rank': uint32(DELTA.valueHeads),
  'ssm.group_count': uint32(DELTA.keyHeads),
  'attention.key_length': uint32(headWidth),
  'attention.value_length': uint32(headWidth),
} as const;
const sharedExpertMetadata = { ...expertMetadata, expert_shared_feed_forward_length: uint32(expertFeedForward) } as const;
const sections = { 'rope.dimension_sections': arrayOf('int32', [4, 2, 2, 0]) } as const;

const gatedAttention: readonly PlainTensor[] = [
  matrix('attn_q', width, 2 * heads * headWidth),
  matrix('attn_k', width, kvWidth),
  matrix('attn_v', width, kvWidth),
  ...attention.filter(({ name }) => name === 'attn_output.weight'),
  ...headNorms,
];

const deltaNet = (gates: readonly PlainTensor[]): readonly PlainTensor[] => [
  matrix('attn_qkv', width, 2 * keyWidth + valueWidth),
  matrix('attn_gate', width, valueWidth),
  plain('ssm_conv1d', DELTA.convolution, 2 * keyWidth + valueWidth),
  bias('ssm_dt', DELTA.valueHeads),
  { name: 'ssm_a', dimensions: [DELTA.valueHeads], isQuantised: false },
  ...gates,
  plain('ssm_norm', DELTA.state),
  matrix('ssm_out', valueWidth, width),
];

const recipe = (
  metadata: ReturnType<ArchitectureRecipe['metadata']>,
  gates: readonly PlainTensor[],
  feedForward: readonly PlainTensor[],
): ArchitectureRecipe => ({
  metadata: () => ({ ...stateMetadata, ...metadata }),
  layer: (index) => [
    ...norms('attn_norm', 'post_attention_norm'),
    ...((index + 1) % INTERVAL === 0 ? gatedAttention : deltaNet(gates)),
    ...feedForward,
  ],
  global: head,
});

const experts = [...expertFeedForwards, ...sharedExpert, plain('ffn_gate_inp_shexp', width)];
const separateGates = [matrix('ssm_alpha', width, DELTA.valueHeads), matrix('ssm_beta', width, DELTA.valueHeads)];

export const HYBRID: Readonly<Record<string, ArchitectureRecipe>> = {
  qwen3next: recipe(sharedExpertMetadata, [matrix('ssm_ba', width, 2 * DELTA.valueHeads)], experts),
  qwen35: recipe(sections, separateGates, denseFeedForward),
  qwen35moe: recipe({ ...sharedExpertMetadata, ...sections }, separateGates, experts),
};
