import { DownloadFailedError, GatedModelError, NotOnHubError } from '../errors.ts';
import { fileNames } from '../pieces/piece-file.ts';
import { fileStem, namesOfFile } from '../library/model-naming.ts';
import type { HubOptions } from './plan-hub.ts';
import type { PullPlan } from './pull-plan.ts';

/** A file at an address of its own; the server tells its size, and some (hubs) its hash. */
export async function planUrl(url: URL, { client, signal }: HubOptions): Promise<PullPlan> {
  const answer = await client.ask(url, { method: 'HEAD', signal });
  answer.body.resume();
  if (answer.status === 404 || answer.status === 410) throw new NotOnHubError(`There is nothing at ${url.href}.`);
  if (answer.status === 401 || answer.status === 403)
    throw new GatedModelError(`${url.host} wants to know who asks (status ${answer.status}).`);
  // Some servers know no HEAD: the download itself will tell.
  if (answer.status >= 400 && answer.status !== 405 && answer.status !== 501)
    throw new DownloadFailedError(`${url.host} answered with status ${answer.status}.`);
  const isKnown = answer.status < 300;
  const size = Number(answer.headers['x-linked-size'] ?? answer.headers['content-length']);
  const linked = /^"?([0-9a-f]{64})"?$/i.exec(String(answer.headers['x-linked-etag'] ?? ''))?.[1]?.toLowerCase();
  const file = decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf('/') + 1));
  const [target = 'model.gguf'] = fileNames(fileStem(file), 1);
  return {
    name: namesOfFile(target).name,
    from: url.host,
    files: [
      {
        url,
        headers: {},
        target,
        byteLength: isKnown && Number.isSafeInteger(size) && size > 0 ? size : undefined,
        sha256: isKnown ? linked : undefined,
      },
    ],
  };
}
