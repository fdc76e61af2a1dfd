import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { requireScope } from '../access/require-scope.ts';
import { MethodNotAllowedError, RouteNotFoundError } from '../errors.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import { anthropicMessages, anthropicTokenCount } from '../routes/anthropic-messages.ts';
import { chatCompletions } from '../routes/chat-completions.ts';
import { completions } from '../routes/completions.ts';
import { embeddings } from '../routes/embeddings.ts';
import { healthRoute } from '../routes/health.ts';
import { metricsRoute } from '../routes/metrics.ts';
import { models } from '../routes/models.ts';
import { ollamaChat, ollamaGenerate } from '../routes/ollama-answers.ts';
import { ollamaChanges } from '../routes/ollama-changes.ts';
import { ollamaEmbed } from '../routes/ollama-embed.ts';
import { ollamaModels } from '../routes/ollama-models.ts';
import { openApi } from '../routes/open-api.ts';
import { countInputTokens, createResponse } from '../routes/openai-responses.ts';
import { readyRoute } from '../routes/ready.ts';
import { rerank } from '../routes/rerank.ts';
import { root } from '../routes/root.ts';
import { storedResponses } from '../routes/stored-responses.ts';
import { textRoutes } from '../routes/text.ts';
import { traceRoutes } from '../routes/traces.ts';
import type { GatewayContext, GatewayEnv } from './environment.ts';
import { errorAnswer } from './error-answer.ts';
import { describeError } from './error-body.ts';
import { logFailure } from './log-failure.ts';
import type { RouteModule } from './route-module.ts';

/** The HTTP app: middleware in order, then the routes. */
export function createApp(parts: GatewayParts, middleware: readonly MiddlewareHandler<GatewayEnv>[]): OpenAPIHono<GatewayEnv> {
  const app = new OpenAPIHono<GatewayEnv>();
  for (const handler of middleware) app.use('*', handler);

  const modules: RouteModule[] = [
    chatCompletions(parts),
    completions(parts),
    createResponse(parts),
    countInputTokens(parts),
    ...storedResponses(parts),
    anthropicMessages(parts),
    anthropicTokenCount(parts),
    ollamaChat(parts),
    ollamaGenerate(parts),
    ...ollamaModels(parts),
    ...ollamaEmbed(parts),
    ...ollamaChanges(parts),
    ...models(parts),
    healthRoute(parts),
    embeddings(parts),
    ...rerank(parts),
    ...textRoutes(parts),
    readyRoute(parts),
    metricsRoute(parts),
    ...traceRoutes(parts),
    root(parts, () => modules.map(({ route }) => `${route.method.toUpperCase()} ${route.path}`)),
    openApi(app, parts.version),
  ];
  for (const module of modules) {
    const { route, routingPath, handle } = module;
    app.openAPIRegistry.registerPath(route);
    app.on(route.method.toUpperCase(), routingPath ?? route.path, (context) => {
      context.env.exchange.trace.route = route.path;
      requireScope(context.env.exchange, module);
      return handle(context);
    });
  }
  app.notFound((context) => answerError(unroutedError(context, modules), context, parts));
  app.onError((error, context) => answerError(error, context, parts));
  return app;
}

function answerError(error: unknown, context: GatewayContext, parts: GatewayParts): Response {
  const { exchange } = context.env;
  logFailure(exchange, error, parts.logger, parts.counters);
  if (exchange.gone) {
    // There is nobody to answer; the connection may still have to be closed on this side.
    exchange.outgoing.destroy();
    return RESPONSE_ALREADY_SENT;
  }
  // The client that waits for `100 Continue` will not send its body now, and the next request would be taken for it.
  if (exchange.expectsContinue && !exchange.incoming.complete) exchange.outgoing.shouldKeepAlive = false;
  const answer = errorAnswer(context.req.path, describeError(error, exchange.promptParam), exchange.id);
  return context.json(answer.body, answer.status as ContentfulStatusCode, answer.headers);
}

/** Tells an unknown path from a known one with the wrong method. */
function unroutedError(context: GatewayContext, modules: readonly RouteModule[]): MethodNotAllowedError | RouteNotFoundError {
  const { method, path } = context.req;
  const allowed = modules.filter(({ route }) => pathPattern(route.path).test(path)).map(({ route }) => route.method.toUpperCase());
  if (allowed.includes('GET')) allowed.push('HEAD');
  if (allowed.length > 0) return new MethodNotAllowedError(method, path, allowed);
  const versioned = modules.find(({ route }) => route.path === `/v1${path}`);
  return new RouteNotFoundError(`There is no ${method} ${path.slice(0, 200)} here.`, {
    hint: versioned === undefined ? 'GET / lists what there is.' : `Did you mean ${versioned.route.path}?`,
  });
}

const pathPattern = (path: string): RegExp => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '.+')}$`);
