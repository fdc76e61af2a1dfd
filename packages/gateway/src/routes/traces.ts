import { createRoute, z } from '@hono/zod-openapi';
import { TraceNotFoundError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RouteModule } from '../http/route-module.ts';
import { errorResponse } from '../openai/schemas/responses.ts';
import type { TraceRecorder } from '../telemetry/trace.ts';
import { commonErrors, jsonResponse } from './responses.ts';

/** How many the list shows. */
const LISTED = 100;

const duration = (description: string) => z.number().optional().openapi({ description });

const generation = z
  .object({
    model: z.string(),
    startedMs: z.number().openapi({ description: "Since the request's arrival." }),
    tokenizeMs: duration('Template and tokenizing.'),
    queueMs: duration('Waiting for a place in the ring.'),
    prefillMs: duration('From that place to the first token.'),
    firstTokenMs: duration("From the request's arrival to the first token."),
    decodeMs: duration('From the first token to the last.'),
    durationMs: z.number().optional(),
    promptTokens: z.int().optional(),
    cachedTokens: z.int().optional(),
    generatedTokens: z.int().optional(),
    outcome: z.enum(['stop', 'length', 'tool_calls', 'cancelled', 'failed']).optional(),
    stages: z
      .array(z.object({ stage: z.int(), node: z.string().optional(), computeMs: z.number() }))
      .optional()
      .openapi({ description: 'What each stage computed on the steps that carried this generation.' }),
    steps: z.int().optional(),
    betweenStagesMs: duration(
      'What those steps took beyond computing: the way between the stages, and waiting behind other steps.',
    ),
  })
  .openapi('GenerationTrace');

export const requestTrace = z
  .object({
    id: z.string(),
    method: z.string(),
    route: z.string(),
    startedAtMs: z.number().openapi({ description: 'Milliseconds since 1970.' }),
    state: z.enum(['running', 'done', 'disconnected']),
    status: z.int().optional(),
    error: z.string().optional(),
    key: z.string().optional().openapi({ description: 'Name of the API key.' }),
    durationMs: z.number().optional(),
    generations: z.array(generation),
    untold: z.int().optional().openapi({ description: 'Further generations of the request.' }),
  })
  .openapi('RequestTrace');

const oneRoute = createRoute({
  method: 'get',
  path: '/pippa/v1/traces/{id}',
  summary: "Where one request's time went",
  request: { params: z.object({ id: z.string().openapi({ description: 'The `x-request-id` of its answer.' }) }) },
  responses: {
    200: jsonResponse('The trace; times are milliseconds. It holds nothing of the prompt or the answer.', requestTrace),
    404: jsonResponse('No such request, or it is too long ago.', errorResponse),
    ...commonErrors,
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/pippa/v1/traces',
  summary: 'The last requests, newest first',
  responses: { 200: jsonResponse('Their traces.', z.object({ traces: z.array(requestTrace) })), ...commonErrors },
});

/** A key sees the traces of its own requests, an admin's those of all. */
const maySee = ({ caller }: Exchange, { key }: TraceRecorder): boolean => caller?.scope === 'admin' || caller?.name === key;

export function traceRoutes({ traces }: GatewayParts): RouteModule[] {
  return [
    {
      route: listRoute,
      scope: 'admin',
      handle: (context) => context.json({ traces: traces.latest(LISTED).map(({ trace }) => trace) }),
    },
    {
      route: oneRoute,
      routingPath: '/pippa/v1/traces/:id',
      handle(context) {
        const id = context.req.param('id') ?? '';
        const found = traces.get(id);
        if (found === undefined || !maySee(context.env.exchange, found)) throw new TraceNotFoundError(id);
        return context.json(found.trace);
      },
    },
  ];
}
