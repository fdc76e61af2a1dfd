import type { Server } from 'node:http';
import { InvalidInputError, StoppedError } from '@pippa/core';
import type { Clock, Logger, ModelService, Startable } from '@pippa/core';
import type { KeySource } from './access/access-key.ts';
import { Access } from './access/access.ts';
import { CallerLimits } from './access/caller-limits.ts';
import { requireAccess } from './access/require-access.ts';
import { createCounters } from './counters.ts';
import type { GatewayCounters } from './counters.ts';
import { ApiKeyRequiredError } from './errors.ts';
import type { GatewayParts, ModelLoading } from './gateway-parts.ts';
import { admission } from './http/admission.ts';
import { createApp } from './http/app.ts';
import { ConnectionLimiter } from './http/connections.ts';
import { cors } from './http/cors.ts';
import { ExchangeRegistry } from './http/exchange-registry.ts';
import { hostGuard } from './http/host-guard.ts';
import { isLoopbackAddress } from './http/host-names.ts';
import { listen, portOf } from './http/listen.ts';
import { createRequestListener } from './http/request-listener.ts';
import { checkTls, createHttpServer } from './http/server.ts';
import type { TlsFiles } from './http/server.ts';
import { DEFAULT_GATEWAY_LIMITS } from './limits.ts';
import type { GatewayLimits } from './limits.ts';
import { openResponseStore } from './responses-api/sqlite-store.ts';
import type { ResponseStore } from './responses-api/store.ts';
import type { ModelPuller } from './ollama/model-puller.ts';
import { Metrics } from './telemetry/metrics.ts';
import { readThisProcess } from './telemetry/process-metrics.ts';
import { NO_OPERATIONS } from './text/operations.ts';
import type { TextOperations } from './text/operations.ts';
import type { TraceExporter } from './telemetry/trace-exporter.ts';
import { TraceLog } from './telemetry/trace-log.ts';

/** Both loopback addresses. */
export const DEFAULT_HOST = 'localhost';

export interface GatewayOptions {
  readonly models: ModelService;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits?: Partial<GatewayLimits>;
  /** Name or address to listen on; left out: `localhost`, which is 127.0.0.1 and ::1. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly version: string;
  /** What every request must carry as its bearer token, unless it carries one of `keys`. It may do everything. */
  readonly apiKey?: string;
  /** Keys that were given out. An address open to the network needs one of these or `apiKey`. */
  readonly keys?: KeySource;
  /** Serve https with these; left out: http. */
  readonly tls?: TlsFiles;
  /** Host names that requests may use besides those of this machine, as behind a reverse proxy. */
  readonly allowedHosts?: readonly string[];
  /** Origins of web pages that may call besides those of this machine; `*` for all. */
  readonly allowedOrigins?: readonly string[];
  /** Where responses are kept to be gone on from, closed by who opened it; left out: in memory, while the gateway runs. */
  readonly responses?: ResponseStore;
  /** Fetches models for clients that ask for it; left out: they are told that this agent does not. */
  readonly puller?: ModelPuller;
  /** What can be done to texts at `/v1/text`; left out: nothing. */
  readonly operations?: TextOperations;
  /** Models that are being loaded, here or on other nodes, for `/health`; left out: none. */
  readonly loadingModels?: () => readonly ModelLoading[];
  /** More to say in `/health`. */
  readonly healthDetails?: () => object;
  /** Names of the nodes that hold the stages of a model, first to last, for traces; left out, or empty: all is here. */
  readonly stageNames?: (model: string) => readonly string[];
  /** Whether what the agent was started for is loaded, for `/ready`; left out: it is. */
  readonly isLoaded?: () => boolean;
  /** Where the traces of requests go besides being kept here; started and stopped by whoever made it. Left out: nowhere. */
  readonly exporter?: TraceExporter;
  /** Where the gateway's figures go, beside those of other parts; left out: into metrics of its own. */
  readonly metrics?: Metrics;
}

export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
  /** Without a path, such as `http://127.0.0.1:8080`. */
  readonly url: string;
}

export interface Gateway extends Startable {
  /** Throws a `StoppedError` while the gateway does not listen. */
  address(): GatewayAddress;
  counters(): Readonly<GatewayCounters>;
}

/**
 * The HTTP API. Throws `TlsError` and `InvalidInputError` for options that make no sense; `start` throws `PortInUseError`, `ListenError` or `ApiKeyRequiredError`; `stop` lets requests end within
 * `drainMs`, then tells the rest that the agent stops.
 */
export function createGateway(options: GatewayOptions): Gateway {
  return new HttpGateway(options);
}

class HttpGateway implements Gateway {
  #host: string;
  #port: number;
  #access: Access;
  #scheme: 'http' | 'https';
  #limits: GatewayLimits;
  #clock: Clock;
  #logger: Logger;
  #counters = createCounters();
  #exchanges: ExchangeRegistry;
  #createServer: () => Server;
  #servers: Server[] = [];
  #onStopped: () => void = () => {};
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    const { clock } = options;
    const logger = options.logger.child({ scope: 'gateway' });
    const counters = this.#counters;
    const limits = { ...DEFAULT_GATEWAY_LIMITS, ...options.limits };
    const host = options.host ?? DEFAULT_HOST;
    if (!Number.isInteger(options.port) || options.port < 0 || options.port > 65_535) {
      throw new InvalidInputError(`The port must be a whole number from 0 to 65535, not ${options.port}.`, { path: 'port' });
    }
    const access = new Access({ apiKey: options.apiKey, keys: options.keys, isOpen: !isLoopbackAddress(host) });
    const connections = new ConnectionLimiter(limits.maxConnections, counters);
    if (options.tls !== undefined) checkTls(options.tls);
    const isStopping = (): boolean => this.#stopping !== undefined;
    const metrics = options.metrics ?? new Metrics(readThisProcess);
    metrics.watchGateway(counters);
    const traces = new TraceLog(limits.maxTraces);
    const responses = options.responses ?? openResponseStore({ path: ':memory:', clock });
    if (options.responses === undefined) this.#onStopped = () => responses.close();
    const parts: GatewayParts = {
      models: options.models,
      logger,
      clock,
      limits,
      counters,
      metrics,
      traces,
      version: options.version,
      access,
      operations: options.operations ?? NO_OPERATIONS,
      responses,
      puller: options.puller,
      loadingModels: options.loadingModels ?? (() => []),
      healthDetails: options.healthDetails ?? (() => ({})),
      stageNames: options.stageNames ?? (() => []),
      isLoaded: options.isLoaded ?? (() => true),
      isStopping,
    };
    const app = createApp(parts, [
      admission(limits, counters, connections, isStopping),
      hostGuard(host, options.allowedHosts ?? []),
      cors(options.allowedOrigins ?? []),
      requireAccess(access, new CallerLimits(clock)),
    ]);
    const exchanges = new ExchangeRegistry(clock, counters);
    const listener = { app, exchanges, limits, clock, logger, metrics, traces, exporter: options.exporter };
    this.#createServer = () =>
      createHttpServer({
        tls: options.tls,
        limits,
        exchanges,
        connections,
        onRequest: createRequestListener(listener, false),
        onExpectedRequest: createRequestListener(listener, true),
      });
    this.#host = host;
    this.#port = options.port;
    this.#access = access;
    this.#scheme = options.tls === undefined ? 'http' : 'https';
    this.#limits = limits;
    this.#clock = clock;
    this.#logger = logger;
    this.#exchanges = exchanges;
  }

  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  address(): GatewayAddress {
    const [server] = this.#servers;
    if (server === undefined) throw new StoppedError('The HTTP API does not listen.');
    const port = portOf(server);
    const host = this.#host === 'localhost' ? '127.0.0.1' : this.#host;
    const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    return { host, port, url: `${this.#scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}` };
  }

  counters(): Readonly<GatewayCounters> {
    return { ...this.#counters };
  }

  async #start(): Promise<void> {
    if (!isLoopbackAddress(this.#host) && !this.#access.hasKeys) throw new ApiKeyRequiredError(this.#host);
    this.#servers = await listen(this.#createServer, this.#host, this.#port);
    for (const server of this.#servers) {
      // Such as no file descriptor being left for a connection: that one is lost, the server goes on.
      server.on('error', (error) => this.#logger.warn({ error }, 'a connection could not be accepted'));
    }
    this.#logger.info(this.address(), 'listening');
  }

  async #stop(): Promise<void> {
    // A start that failed has nothing to stop, and has told its caller.
    await this.#starting?.catch(() => {});
    const servers = this.#servers;
    const closed = Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    for (const server of servers) server.closeIdleConnections();
    if (!(await this.#idleWithin(this.#limits.drainMs))) {
      this.#exchanges.abortAll(new StoppedError('The agent is shutting down, so this answer ends here.'));
      await this.#idleWithin(this.#limits.abortMs);
    }
    for (const server of servers) server.closeAllConnections();
    await closed;
    this.#servers = [];
    this.#onStopped();
  }

  /** Waits until no request is under way; false when time ran out first. */
  async #idleWithin(durationMs: number): Promise<boolean> {
    const late = Promise.withResolvers<boolean>();
    const cancel = this.#clock.schedule(durationMs, () => late.resolve(false));
    try {
      return await Promise.race([this.#exchanges.whenIdle().then(() => true), late.promise]);
    } finally {
      cancel();
    }
  }
}
