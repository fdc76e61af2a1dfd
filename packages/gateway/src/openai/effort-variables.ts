/** What chat templates make of OpenAI's `reasoning_effort`. */
export const effortVariables = (effort: string): Record<string, unknown> => ({
  reasoning_effort: effort,
  ...(effort === 'none' ? { enable_thinking: false } : {}),
});
