import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with one request for bytes. */
export type HubFault =
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'wrong-range' }
  | { readonly kind: 'wrong-bytes' }
  | { readonly kind: 'too-much' }
  | { readonly kind: 'no-ranges' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number };

interface Blob {
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** Speaks the protocols of the Hugging Face hub and of Ollama's registry, and breaks them when told to. */
export class HubServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #repositories = new Map<string, Map<string, Blob>>();
  readonly #tags = new Map<string, Blob>();
  /** Asked before each request for bytes, with its number from 0. */
  fault: (request: number, range: string | undefined) => HubFault | undefined = () => undefined;
  /** Repositories that want this token. */
  readonly gated = new Map<string, string>();
  /** What was asked for, `GET /path`, with what was sent to prove oneself. */
  readonly log: { readonly line: string; readonly range: string | undefined; readonly authorization: string | undefined }[] = [];
  bytesSent = 0;
  #byteRequests = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<HubServer> {
    const server = createServer();
    const hub = new HubServer(server);
    server.on('request', (request, response) => hub.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return hub;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The hub: bytes are to be had at another host (`localhost`), as at the real one. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  addFile(repository: string, path: string, bytes: Buffer): Blob {
    const blob = { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
    const files = this.#repositories.get(repository) ?? new Map<string, Blob>();
    this.#repositories.set(repository, files.set(path, blob));
    return blob;
  }

  addTag(name: string, bytes: Buffer): Blob {
    const blob = { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
    this.#tags.set(name, blob);
    return blob;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    const { authorization, range } = request.headers;
    this.log.push({ line: `${request.method} ${url.pathname}`, range, authorization });
    const json = (status: number, value: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const tree = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/main$/.exec(url.pathname)?.[1];
    if (tree !== undefined) {
      const files = this.#repositories.get(tree);
      if (!this.#mayRead(tree, authorization)) return json(401, { error: 'Access is restricted.' });
      if (files === undefined) return json(404, { error: 'Repository not found' });
      // Two pages, as long lists have.
      const all = [...files].map(([path, blob]) => ({
        type: 'file',
        path,
        oid: 'x',
        size: blob.bytes.length,
        lfs: { oid: blob.sha256, size: blob.bytes.length },
      }));
      const half = Math.ceil(all.length / 2);
      if (url.searchParams.has('cursor')) return json(200, all.slice(half));
      if (half < all.length) response.setHeader('link', `<${url.href}&cursor=1>; rel="next"`);
      return json(200, all.slice(0, half));
    }
    const file = /^\/([^/]+\/[^/]+)\/resolve\/main\/(.+)$/.exec(url.pathname);
    if (file !== null) {
      const [, repository = '', path = ''] = file;
      if (!this.#mayRead(repository, authorization)) return json(403, {});
      const blob = this.#repositories.get(repository)?.get(decodeURIComponent(path));
      if (blob === undefined) return json(404, {});
      return void response.writeHead(302, { location: `http://localhost:${this.port}/cdn/${blob.sha256}` }).end();
    }
    const manifest = /^\/v2\/([^/]+\/[^/]+)\/manifests\/([^/]+)$/.exec(url.pathname);
    if (manifest !== null) {
      const blob = this.#tags.get(`${manifest[1]}:${manifest[2]}`);
      if (blob === undefined) return json(404, { errors: [] });
      const digest = `sha256:${blob.sha256}`;
      return json(200, {
        schemaVersion: 2,
        layers: [
          { mediaType: 'application/vnd.ollama.image.license', digest: `sha256:${'0'.repeat(64)}`, size: 10 },
          { mediaType: 'application/vnd.ollama.image.model', digest, size: blob.bytes.length },
        ],
      });
    }
    const layer = /^\/v2\/[^/]+\/[^/]+\/blobs\/sha256:([0-9a-f]{64})$/.exec(url.pathname)?.[1];
    if (layer !== undefined) return void response.writeHead(307, { location: `/cdn/${layer}` }).end();
    const digest = /^\/cdn\/([0-9a-f]{64})$/.exec(url.pathname)?.[1];
    const blobs = [...this.#repositories.values()].flatMap((files) => [...files.values()]);
    const blob = [...blobs, ...this.#tags.values()].find((candidate) => candidate.sha256 === digest);
    if (blob === undefined) return json(404, {});
    this.#send(request, response, blob);
  }

  #mayRead(repository: string, authorization: string | undefined): boolean {
    const token = this.gated.get(repository);
    return token === undefined || authorization === `Bearer ${token}`;
  }

  #send(request: IncomingMessage, response: ServerResponse, { bytes, sha256 }: Blob): void {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    // The question for size and ranges is no part of the transfer.
    const isProbe = request.headers.range === 'bytes=0-0';
    const fault = isProbe ? undefined : this.fault(this.#byteRequests++, request.headers.range);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'status') {
      const headers = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
      return void response.writeHead(fault.status, headers).end();
    }
    const knowsRanges = range !== null && this.fault(-1, undefined)?.kind !== 'no-ranges';
    const from = knowsRanges ? Number(range[1]) : 0;
    const to = knowsRanges ? Math.min(Number(range[2]), bytes.length - 1) : bytes.length - 1;
    let body = bytes.subarray(from, to + 1);
    if (fault?.kind === 'wrong-bytes') {
      body = Buffer.from(body);
      body[0] = (body[0] ?? 0) ^ 1;
    }
    const shift = fault?.kind === 'wrong-range' ? 1 : 0;
    const headers = { etag: `"${sha256}"`, 'content-length': String(body.length) };
    if (knowsRanges) response.writeHead(206, { ...headers, 'content-range': `bytes ${from + shift}-${to}/${bytes.length}` });
    else response.writeHead(200, headers);
    const sent = fault?.kind === 'cut' ? body.subarray(0, fault.afterBytes) : body;
    this.bytesSent += sent.length;
    if (fault?.kind !== 'cut') return void response.end(sent);
    response.write(sent, () => setImmediate(() => response.destroy()));
  }
}
