import type { Clock, ServedModel } from '@pippa/core';
import { newResponseId } from './ids.ts';
import type { ResponseObject } from './response-schemas.ts';
import type { ResponseBody } from './schemas.ts';

/** A response before anything was generated: it says again what was asked. */
export function initialResponse(body: ResponseBody, model: ServedModel, clock: Pick<Clock, 'wallMs'>): ResponseObject {
  const format = body.text?.format ?? { type: 'text' as const };
  return {
    id: newResponseId(),
    object: 'response',
    created_at: Math.floor(clock.wallMs() / 1000),
    completed_at: null,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    model: model.name,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: body.reasoning?.summary ?? null },
    store: body.store ?? true,
    temperature: body.temperature ?? null,
    text: { format, ...(typeof body.text?.verbosity === 'string' ? { verbosity: body.text.verbosity } : {}) },
    tool_choice: body.tool_choice ?? 'auto',
    tools: (body.tools ?? []).filter((tool) => tool.type === 'function'),
    top_p: body.top_p ?? null,
    truncation: 'disabled',
    usage: null,
    user: body.user ?? null,
    metadata: body.metadata ?? {},
    background: false,
  };
}
