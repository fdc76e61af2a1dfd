/** Bounds of the fields of OpenAI requests, with their reasons where they differ from OpenAI's. */

/** Agents keep long histories; past this a conversation is a data dump. */
export const MAX_MESSAGES = 4096;
export const MAX_CONTENT_PARTS = 1024;
/** Characters of one text; the body limit bounds the sum. */
export const MAX_TEXT_CHARS = 16 * 1024 * 1024;
export const MAX_NAME_CHARS = 256;
export const MAX_TOOLS = 128;
export const MAX_TOOL_CALLS = 128;
export const MAX_TOOL_DESCRIPTION_CHARS = 64 * 1024;
/** OpenAI takes 4; llama.cpp any number. */
export const MAX_STOP_STRINGS = 16;
export const MAX_STOP_CHARS = 1024;
export const MAX_CHOICES = 8;
export const MAX_LOGIT_BIAS_ENTRIES = 1024;
export const MAX_TOP_LOGPROBS = 20;
/** OpenAI takes 2; others more. */
export const MAX_TEMPERATURE = 5;
export const MAX_TOKENS = 2 ** 31 - 1;
export const MAX_GRAMMAR_CHARS = 256 * 1024;
