import { createRoute, z } from '@hono/zod-openapi';
import type { GatewayParts } from '../gateway-parts.ts';
import type { RouteModule } from '../http/route-module.ts';
import { answerTexts } from '../text/answer-texts.ts';
import { textModel } from '../text/default-model.ts';
import { readChain } from '../text/operations.ts';
import { readTextRequest } from '../text/read-request.ts';
import type { ChainLink } from '../text/run-chain.ts';
import { operationList, textEvent, textQuery, textRequest, textResponse } from '../text/schemas.ts';
import { readVariables } from '../text/variables.ts';
import { commonErrors, generationErrors, jsonResponse } from './responses.ts';

const plainText = { schema: z.string() };

const runRoute = createRoute({
  method: 'post',
  path: '/v1/text/{operation}',
  summary: 'Work on a text: correct it, translate it, sum it up ...',
  description:
    'Plain text in, plain text out; JSON in, or `Accept: application/json`, gives JSON. Variables of the operation stand in the query: `/v1/text/translate?to=German`.',
  request: {
    params: z.object({
      operation: z.string().openapi({ description: 'Its name, or several that follow each other: `correct+title`.' }),
    }),
    query: textQuery,
    body: { required: true, content: { 'text/plain': plainText, 'application/json': { schema: textRequest } } },
  },
  responses: {
    200: {
      description: 'The result; with `stream` as it comes: plain text as it is, JSON as server-sent events.',
      content: {
        'text/plain': plainText,
        'application/json': { schema: textResponse },
        'text/event-stream': { schema: textEvent },
      },
    },
    ...generationErrors,
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/text',
  summary: 'The operations there are',
  responses: { 200: jsonResponse('All operations, with their variables.', operationList), ...commonErrors },
});

export function textRoutes(parts: GatewayParts): RouteModule[] {
  return [
    {
      route: listRoute,
      handle(context) {
        const { operations, problems } = parts.operations.list();
        const list: z.output<typeof operationList> = {
          object: 'list',
          data: operations.map(({ name, description, source, model, long, variables }) => ({
            name,
            description,
            source,
            ...(model === undefined ? {} : { model }),
            ...(long === undefined ? {} : { long }),
            variables: Object.entries(variables).map(([variable, about]) => ({ name: variable, ...about })),
          })),
          problems: [...problems],
        };
        return context.json(list);
      },
    },
    {
      route: runRoute,
      routingPath: '/v1/text/:operation',
      async handle(context) {
        const { exchange } = context.env;
        exchange.promptParam = 'input';
        const operations = readChain(context.req.param('operation') ?? '', parts.operations);
        exchange.logFields['operation'] = operations.map(({ name }) => name).join('+');
        const asked = await readTextRequest(context, parts);
        const variables = readVariables(operations, asked.variables);
        const chain: ChainLink[] = [];
        for (const [index, operation] of operations.entries()) {
          const model = await textModel(parts.models, asked.settings.model ?? operation.model);
          chain.push({ operation, model, variables: variables[index] ?? {} });
        }
        return answerTexts(context, asked, chain, parts);
      },
    },
  ];
}
