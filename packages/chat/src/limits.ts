/** Longest chat template that is compiled, in characters; the longest in use are under 40,000. */
export const MAX_TEMPLATE_CHARACTERS = 512 * 1024;
/** Messages of one request. */
export const MAX_MESSAGES = 16_384;
/** Tools of one request. */
export const MAX_TOOLS = 1024;
/** Longest text a template may render, in characters; a million tokens of English have about four million. */
export const MAX_RENDERED_CHARACTERS = 16 * 1024 * 1024;
/** Nodes a template may evaluate in any one rendering, however much it is given: about 5 s of work. */
export const MAX_TEMPLATE_STEPS = 8_000_000;
/** Nodes it may evaluate on next to nothing: about 0.3 s. */
export const TEMPLATE_STEPS = 500_000;
/** Nodes it may evaluate besides for each value that it is given; a message has some three values and takes some dozens of steps. */
export const TEMPLATE_STEPS_PER_VALUE = 500;
/** Wall time of one rendering; what the step limit does not see is work inside a single step, such as splitting a long text. */
export const MAX_TEMPLATE_MS = 10_000;
/** Longest list that `range()` gives to a template. */
export const MAX_RANGE_ITEMS = 100_000;
/** Depth of template variables (tool schemas are the deep ones). */
export const MAX_VARIABLE_DEPTH = 100;
/** Stop strings of one request; OpenAI allows 4, local servers more. */
export const MAX_STOP_STRINGS = 32;
/** Longest stop string, in characters: it is also the most text that is held back. */
export const MAX_STOP_CHARACTERS = 1024;
/** Tokens of a prompt that are given log probabilities; each takes a step of its own. */
export const MAX_SCORED_TOKENS = 16_384;
/** Text of one tool call that is buffered before its name is known. */
export const MAX_BUFFERED_CALL_CHARACTERS = 1024 * 1024;
