import http from 'node:http';
import https from 'node:https';
import { errorMessage } from '@pippa/core';
import { DownloadFailedError } from '../errors.ts';
import { PULL_LIMITS } from './limits.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Where it came from in the end. */
  readonly url: URL;
  /** Must be read to its end or destroyed. */
  readonly body: http.IncomingMessage;
}

export interface HttpQuestion {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** HTTP as downloads need it: redirects, proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`), and no connection that hangs forever. */
export class HttpClient implements Disposable {
  readonly #agents: { readonly 'http:': http.Agent; readonly 'https:': https.Agent };

  constructor(environment: Environment) {
    const options = { keepAlive: true, proxyEnv: proxyVariables(environment) };
    this.#agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) };
  }

  /** Follows redirects; what the caller sent to prove itself stays with the first host. Throws `DownloadFailedError` or the signal's reason. */
  async ask(url: URL, question: HttpQuestion): Promise<HttpAnswer> {
    let target = url;
    let headers: Readonly<Record<string, string>> = { 'user-agent': 'pippa-agent', ...question.headers };
    for (let redirects = 0; redirects <= PULL_LIMITS.redirects; redirects += 1) {
      const body = await this.#once(target, { ...question, headers });
      const status = body.statusCode ?? 0;
      const { location } = body.headers;
      if (status < 300 || status >= 400 || status === 304 || location === undefined)
        return { status, headers: body.headers, url: target, body };
      body.resume();
      const next = URL.canParse(location, target.href) ? new URL(location, target) : undefined;
      if (
        next === undefined ||
        !['http:', 'https:'].includes(next.protocol) ||
        (target.protocol === 'https:' && next.protocol === 'http:')
      )
        throw new DownloadFailedError(`${target.host} redirects to where no download is to be had: ${location.slice(0, 200)}.`);
      if (next.host !== target.host) headers = { ...headers, authorization: '' };
      target = next;
    }
    throw new DownloadFailedError(`${url.host} redirects more than ${PULL_LIMITS.redirects} times.`);
  }

  /** A whole answer as text, within its bound. */
  async text(url: URL, question: HttpQuestion): Promise<Omit<HttpAnswer, 'body'> & { readonly text: string }> {
    const answer = await this.ask(url, question);
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > PULL_LIMITS.descriptionBytes) throw new DownloadFailedError(`The answer of ${url.host} is too long.`);
        chunks.push(chunk);
      }
    } catch (error) {
      question.signal.throwIfAborted();
      throw failed(url, error);
    }
    return { ...answer, text: Buffer.concat(chunks).toString('utf8') };
  }

  [Symbol.dispose](): void {
    this.#agents['http:'].destroy();
    this.#agents['https:'].destroy();
  }

  #once(url: URL, { method = 'GET', headers, signal }: HttpQuestion): Promise<http.IncomingMessage> {
    signal.throwIfAborted();
    const sent = Object.fromEntries(Object.entries(headers ?? {}).filter(([, value]) => value !== ''));
    const agent = url.protocol === 'http:' ? this.#agents['http:'] : this.#agents['https:'];
    const { request } = url.protocol === 'http:' ? http : https;
    return new Promise((resolve, reject) => {
      const asked = request(url, { method, headers: sent, agent, signal });
      asked.setTimeout(PULL_LIMITS.idleMs, () =>
        asked.destroy(new DownloadFailedError(`${url.host} has sent nothing for ${PULL_LIMITS.idleMs / 1000} s.`)),
      );
      asked.on('response', resolve);
      asked.on('error', (error) => reject(signal.aborted ? signal.reason : failed(url, error)));
      asked.end();
    });
  }
}

/** The error for what went wrong on the way. */
export function failed(url: URL, error: unknown): DownloadFailedError {
  if (error instanceof DownloadFailedError) return error;
  return new DownloadFailedError(`${url.host} cannot be reached: ${errorMessage(error)}.`, {
    cause: error,
    hint: 'Check the network (and HTTPS_PROXY where one is needed), then run the same command again.',
  });
}

function proxyVariables(environment: Environment): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy'];
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = environment[name] ?? environment[name.toUpperCase()];
    if (value !== undefined && value !== '') found[name] = value;
  }
  return found;
}
