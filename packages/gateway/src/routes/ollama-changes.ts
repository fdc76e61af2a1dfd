import { createRoute } from '@hono/zod-openapi';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { PippaError } from '@pippa/core';
import { InvalidRequestError, PullFailedError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { describeError } from '../http/error-body.ts';
import type { Exchange } from '../http/exchange.ts';
import { readJsonObject } from '../http/json-body.ts';
import { logFailure } from '../http/log-failure.ts';
import type { RouteModule } from '../http/route-module.ts';
import { SseWriter } from '../http/sse-writer.ts';
import { JSON_LINES } from '../http/stream-format.ts';
import { ollamaError } from '../ollama/error-body.ts';
import type { ModelPuller, PullProgress } from '../ollama/model-puller.ts';
import { namedIn } from '../ollama/named-model.ts';
import { ollamaErrorResponse, ollamaProgress } from '../ollama/response-schemas.ts';
import { ollamaPullRequest } from '../ollama/schemas.ts';
import { validateBody } from '../openai/validate.ts';
import { errorsShaped, jsonResponse } from './responses.ts';

const errors = errorsShaped(ollamaErrorResponse);

const pullRoute = createRoute({
  method: 'post',
  path: '/api/pull',
  summary: 'Fetch a model, as Ollama does',
  request: { body: { required: true, content: { 'application/json': { schema: ollamaPullRequest } } } },
  responses: {
    200: {
      description: 'How it goes, as lines of JSON; the last status is `success`. With `stream` false only that.',
      content: { 'application/json': { schema: ollamaProgress }, 'application/x-ndjson': { schema: ollamaProgress } },
    },
    ...errors,
  },
});

/** What Ollama's clients can ask to change, and why not here. */
const REFUSED = [
  ['delete', '/api/delete', 'Models are not deleted over the API.', 'Delete the file on the machine that has it.'],
  ['post', '/api/copy', 'Models are not copied over the API.', 'A model has the name of its file.'],
  ['post', '/api/create', 'Models are not made here.', 'Put the GGUF file into the model folder.'],
  ['post', '/api/push', 'Models are not published from here.', 'Nothing leaves the house.'],
] as const;

export function ollamaChanges(parts: GatewayParts): RouteModule[] {
  const refused = REFUSED.map(([method, path, message, hint]): RouteModule => ({
    route: createRoute({
      method,
      path,
      summary: message,
      responses: { 400: jsonResponse(`${message} ${hint}`, ollamaErrorResponse) },
    }),
    handle() {
      throw new InvalidRequestError(message, { reason: 'unsupported_operation', hint });
    },
  }));
  return [pullModel(parts), ...refused];
}

function pullModel(parts: GatewayParts): RouteModule {
  return {
    route: pullRoute,
    // It fills the disk of this machine.
    scope: 'admin',
    async handle(context) {
      const { exchange } = context.env;
      const body = validateBody(ollamaPullRequest, await readJsonObject(exchange, parts.limits, parts.counters));
      const name = namedIn(body);
      const { puller } = parts;
      if (puller === undefined) {
        throw new InvalidRequestError('This agent does not fetch models.', {
          reason: 'unsupported_operation',
          hint: 'Put the GGUF file into its model folder.',
        });
      }
      exchange.logFields['model'] = name;
      if (body.stream !== false) return streamPull(exchange, puller, name, parts);
      for await (const _ of pulling(exchange, puller, name)) exchange.signal.throwIfAborted();
      return context.json({ status: 'success' });
    },
  };
}

async function streamPull(exchange: Exchange, puller: ModelPuller, name: string, parts: GatewayParts): Promise<Response> {
  const writer = new SseWriter(exchange, parts.clock, parts.limits, JSON_LINES);
  try {
    for await (const progress of pulling(exchange, puller, name)) {
      const held = writer.write(progressLine(progress));
      if (held !== undefined) await held;
      exchange.signal.throwIfAborted();
    }
    writer.end(progressLine({ status: 'success' }));
  } catch (error) {
    if (!writer.begun) {
      writer.abandon();
      throw error;
    }
    logFailure(exchange, error, parts.logger, parts.counters);
    writer.end(`${JSON.stringify(ollamaError(describeError(error)).body)}\n`);
  }
  return RESPONSE_ALREADY_SENT;
}

async function* pulling({ signal }: Exchange, puller: ModelPuller, name: string): AsyncGenerator<PullProgress, void, undefined> {
  try {
    yield* puller.pull(name, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof PippaError)) throw error;
    throw new PullFailedError(`The model "${name}" could not be fetched: ${error.message}`, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

function progressLine({ status, digest, totalBytes, completedBytes }: PullProgress): string {
  const line = { status, digest, total: totalBytes, completed: completedBytes };
  return `${JSON.stringify(line)}\n`;
}
