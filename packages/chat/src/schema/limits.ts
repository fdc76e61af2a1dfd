/** Nesting of a schema; deeper ones are machine-made and hostile. */
export const MAX_SCHEMA_DEPTH = 64;
/** Subschemas that one conversion visits, expanded alternatives included. */
export const MAX_SCHEMA_VISITS = 20_000;
/** Alternatives that `anyOf`, `oneOf` and `allOf` together may unfold to at one place. */
export const MAX_ALTERNATIVES = 128;
/** Values of one `enum`. */
export const MAX_ENUM_VALUES = 4096;
/** Length of a `pattern`, in characters. */
export const MAX_PATTERN_CHARACTERS = 1024;
/** Rules of one grammar; the engine makes some more of every repetition. */
export const MAX_GRAMMAR_RULES = 8192;
/** Characters of one grammar's text. */
export const MAX_GRAMMAR_CHARACTERS = 1024 * 1024;
/** The engine refuses a repetition of 2,000 and more; longer ones are nested. */
export const MAX_REPETITION = 1000;
/** Longest length or item count that a schema may demand or cap; above it the grammar would grow without sense. */
export const MAX_COUNT = 100_000;
