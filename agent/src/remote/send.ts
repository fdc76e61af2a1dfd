import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { RemoteAddress } from './agent-address.ts';

export interface RemoteRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A response whose body is read as it comes, or whole. */
export interface RemoteResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
}

/** Longest answer that is read whole. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/**
 * Sends a request to an agent. Like `fetch`, but a certificate can be pinned: an agent's own is seldom one that the system trusts.
 * Rejects with node's errors, or the signal's reason.
 */
export async function send(
  address: RemoteAddress,
  path: string,
  { method = 'GET', headers = {}, body }: RemoteRequest,
  signal: AbortSignal,
): Promise<RemoteResponse> {
  const { url, apiKey, certificate } = address;
  const options: RequestOptions = {
    method,
    headers: { ...headers, ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) },
    agent: false,
    signal,
    ...(certificate === undefined ? {} : pinned(certificate)),
  };
  const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(`${url}${path}`, options);
  try {
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const status = response.statusCode ?? 0;
    return { ok: status >= 200 && status < 300, status, body: bodyOf(response, signal), text: () => textOf(response, signal) };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

/** Trusts this very certificate, whoever signed it and whatever name it has, and no other. */
function pinned(certificate: string): RequestOptions {
  const expected = new X509Certificate(certificate).fingerprint256;
  return {
    ca: certificate,
    allowPartialTrustChain: true,
    checkServerIdentity: (_hostname, shown) =>
      shown.fingerprint256 === expected ? undefined : new Error('The agent shows another certificate than its own.'),
  };
}

async function* bodyOf(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function textOf(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bodyOf(response, signal)) {
    length += chunk.length;
    if (length > MAX_TEXT_BYTES) throw new RangeError('The answer is longer than 64 MB.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
