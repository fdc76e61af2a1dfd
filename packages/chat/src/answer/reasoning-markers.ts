/** What a model puts around its reasoning. */
export interface ReasoningMarkers {
  readonly open: string;
  readonly close: string;
}

const KNOWN: readonly ReasoningMarkers[] = [
  { open: '<think>', close: '</think>' },
  { open: '[THINK]', close: '[/THINK]' },
  { open: '<seed:think>', close: '</seed:think>' },
  { open: '<|START_THINKING|>', close: '<|END_THINKING|>' },
  { open: '<|channel>thought', close: '<channel|>' },
  { open: '<mm:think>', close: '</mm:think>' },
  { open: '<|inner_prefix|>', close: '<|inner_suffix|>' },
  { open: '◁think▷', close: '◁/think▷' },
  { open: '<thinking>', close: '</thinking>' },
  { open: '<|begin_of_thought|>', close: '<|end_of_thought|>' },
];

/** The markers that a template mentions: it either opens reasoning, shows it, or takes it out of earlier answers. */
export function detectReasoning(templateSource: string): ReasoningMarkers | undefined {
  return KNOWN.find(({ open, close }) => templateSource.includes(close) || templateSource.includes(open));
}

/** What the model is taught to think in when its template is silent about it. */
export const USUAL_REASONING: ReasoningMarkers = { open: '<think>', close: '</think>' };

/** Whether the prompt ends inside a reasoning segment that it opened itself. */
export function opensReasoning(prompt: string, { open }: ReasoningMarkers): boolean {
  return prompt.trimEnd().endsWith(open);
}
