import { joined, literal } from '../schema/gbnf.ts';
import type { CallGrammarRequest } from '../tools/tool-call-format.ts';

/** Parts of an answer of gpt-oss that a grammar writes; see `harmony.ts` for how they are read. */
export const HARMONY_ANALYSIS = '<|channel|>analysis<|message|>';
export const HARMONY_ANALYSIS_END = '<|end|>';
export const HARMONY_NEXT = '<|start|>assistant';
export const HARMONY_FINAL = '<|channel|>final<|message|>';

/** Right-hand side that derives one call; the model ends its turn with it, so there are never more. */
export function harmonyCalls({ builder, tools, argumentsRule }: CallGrammarRequest): string {
  const calls = tools.map((tool) =>
    joined(
      `(${literal(`<|channel|>commentary to=functions.${tool.name} `)} ${literal('<|constrain|>')}? ${literal('json<|message|>')}`,
      `| ${literal(` to=functions.${tool.name}<|channel|>commentary `)} ${literal('<|constrain|>')}? ${literal('json<|message|>')})`,
      argumentsRule(tool),
    ),
  );
  return builder.add('call', calls.join(' | '));
}
