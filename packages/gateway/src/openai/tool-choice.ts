import type { ChatRequest, ToolDefinition } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';

/** What a request says about calling its tools. */
export type ToolWish =
  | 'auto'
  | 'none'
  | 'required'
  | { readonly name: string }
  /** Only these of the tools may be called. */
  | { readonly mode: 'auto' | 'required'; readonly allowed: readonly string[] };

/** The tools that may be called, and whether one must be. Throws an `InvalidRequestError` for a choice among tools that are not there. */
export function chooseTools(tools: readonly ToolDefinition[], wish: ToolWish): Pick<ChatRequest, 'tools' | 'toolChoice'> {
  if (wish === 'auto' || wish === 'none') return { tools, toolChoice: wish };
  if (wish === 'required') return { tools: atLeastOne(tools), toolChoice: wish };
  if ('name' in wish) {
    known(tools, wish.name);
    return { tools, toolChoice: wish };
  }
  for (const name of wish.allowed) known(tools, name);
  const allowed = tools.filter((tool) => wish.allowed.includes(tool.name));
  return { tools: wish.mode === 'required' ? atLeastOne(allowed) : allowed, toolChoice: wish.mode };
}

function known(tools: readonly ToolDefinition[], name: string): void {
  if (tools.some((tool) => tool.name === name)) return;
  throw new InvalidRequestError(`'tool_choice' names the tool ${JSON.stringify(name)}, which is not among 'tools'.`, {
    param: 'tool_choice',
  });
}

function atLeastOne(tools: readonly ToolDefinition[]): readonly ToolDefinition[] {
  if (tools.length > 0) return tools;
  throw new InvalidRequestError("'tool_choice' asks for a call, but there are no 'tools' to choose from.", {
    param: 'tool_choice',
  });
}
