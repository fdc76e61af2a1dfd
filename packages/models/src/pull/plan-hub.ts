import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { didYouMean, formatBytes } from '@pippa/core';
import { z } from 'zod';
import { DownloadFailedError, GatedModelError, NotOnHubError } from '../errors.ts';
import { fileStem, isProjectorPath, namesOfFile, splitStem } from '../library/model-naming.ts';
import type { HttpClient } from './http-client.ts';
import { PULL_LIMITS } from './limits.ts';
import type { PullPlan } from './pull-plan.ts';
import type { PullReference } from './pull-reference.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
type HubReference = PullReference & { kind: 'hub' };

const DEFAULT_HUB = 'https://huggingface.co';
/** Good quality for its size, the first that there is; what llama.cpp and Ollama take too. */
const PREFERRED = ['Q4_K_M', 'UD-Q4_K_XL', 'Q4_K_S', 'Q4_0', 'Q5_K_M', 'Q8_0', 'MXFP4', 'F16', 'BF16'];

/** https://huggingface.co/docs/hub/api */
const treeEntry = z.object({
  type: z.string().max(32),
  path: z.string().max(1024),
  size: z.int().min(0),
  lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }).optional(),
});
type TreeEntry = z.output<typeof treeEntry>;

export interface HubOptions {
  readonly client: HttpClient;
  readonly environment: Environment;
  readonly home: string;
  readonly signal: AbortSignal;
}

/** Chooses the files of a model in a repository. Throws `NotOnHubError`, `GatedModelError`, `DownloadFailedError`. */
export async function planHub(reference: HubReference, options: HubOptions): Promise<PullPlan> {
  const hub = new URL(options.environment['HF_ENDPOINT'] ?? DEFAULT_HUB);
  const headers = await authorization(options);
  const { owner, repository, revision, file } = reference;
  const entries = (await fileList(reference, hub, headers, options)).filter(
    ({ type, path }) => type === 'file' && /\.gguf$/i.test(path),
  );
  const projectors = entries.filter(({ path }) => isProjectorPath(path));
  // Asked for by its name it is got like any file, and lies beside the model then.
  const isAsked = file !== undefined && isProjectorPath(file);
  const chosen = choose(reference, isAsked ? projectors : entries.filter(({ path }) => !isProjectorPath(path)));
  const [projector] = isAsked ? [] : projectors.toSorted((a, b) => sizeOf(a) - sizeOf(b));
  const first = chosen[0]?.path ?? '';
  return {
    name: namesOfFile(first, { owner, name: repository }).name,
    from: hub.host,
    files: chosen.map(({ path, size, lfs }) => ({
      url: new URL(
        `${prefix(hub)}/${owner}/${repository}/resolve/${revision}/${path.split('/').map(encodeURIComponent).join('/')}`,
        hub,
      ),
      headers,
      target: join(owner, repository, path.slice(path.lastIndexOf('/') + 1)),
      byteLength: lfs?.size ?? size,
      sha256: lfs?.oid,
    })),
    ...(projector === undefined
      ? {}
      : {
          projector: {
            name: projector.path,
            byteLength: sizeOf(projector),
            reference: `hf:${owner}/${repository}${revision === 'main' ? '' : `@${revision}`}/${projector.path}`,
          },
        }),
  };
}

const sizeOf = ({ size, lfs }: TreeEntry): number => lfs?.size ?? size;

/** The token of `HF_TOKEN`, or of where Hugging Face's own tools keep it. */
async function authorization({ environment, home }: HubOptions): Promise<Record<string, string>> {
  const path = environment['HF_TOKEN_PATH'] ?? join(environment['HF_HOME'] ?? join(home, '.cache/huggingface'), 'token');
  const token = environment['HF_TOKEN'] ?? (await readFile(path, 'utf8').catch(() => ''));
  const trimmed = token.trim();
  return /^[\w.-]{1,512}$/.test(trimmed) ? { authorization: `Bearer ${trimmed}` } : {};
}

async function fileList(
  reference: HubReference,
  hub: URL,
  headers: Record<string, string>,
  options: HubOptions,
): Promise<TreeEntry[]> {
  const { owner, repository, revision } = reference;
  let url: URL | undefined = new URL(`${prefix(hub)}/api/models/${owner}/${repository}/tree/${revision}?recursive=true`, hub);
  const entries: TreeEntry[] = [];
  for (let page = 0; url !== undefined && page < PULL_LIMITS.pages; page += 1) {
    const answer = await options.client.text(url, { headers, signal: options.signal });
    if (answer.status !== 200) throw hubError(answer.status, reference, hub, 'authorization' in headers);
    const parsed = z.array(treeEntry).safeParse(parseJson(answer.text, hub));
    if (!parsed.success) throw new DownloadFailedError(`${hub.host} sent a list of files that cannot be understood.`);
    entries.push(...parsed.data);
    const next: string | undefined = /<([^>]+)>;\s*rel="next"/.exec(String(answer.headers.link ?? ''))?.[1];
    url = next === undefined ? undefined : new URL(next, url);
    // A list that goes on elsewhere would get the token.
    if (url !== undefined && url.host !== hub.host) url = undefined;
  }
  return entries;
}

export function parseJson(text: string, from: URL): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DownloadFailedError(`${from.host} sent an answer that is no JSON.`, { cause });
  }
}

export function hubError(status: number, { owner, repository, revision }: HubReference, hub: URL, hasToken: boolean): Error {
  const page = `${hub.origin}/${owner}/${repository}`;
  if (status === 401 || status === 403) {
    return new GatedModelError(`${hub.host} does not give ${owner}/${repository} to just anybody (status ${status}).`, {
      hint: hasToken
        ? `Accept its terms at ${page} with the account of your token, and see that the token may read it. A name with a typing error looks the same.`
        : `Accept its terms at ${page}, then set HF_TOKEN to a token of that account. A name with a typing error looks the same.`,
    });
  }
  if (status === 404) {
    const branch = revision === 'main' ? '' : ` in the revision ${revision}`;
    return new NotOnHubError(`${hub.host} has no ${owner}/${repository}${branch}.`, {
      hint: 'Check the spelling of owner and repository.',
    });
  }
  return new DownloadFailedError(`${hub.host} answered with status ${status}.`, { hint: 'Run the same command again in a while.' });
}

/** Files of one model: parts of a split one together. */
interface Candidate {
  readonly stem: string;
  readonly quantisation: string | undefined;
  readonly files: readonly TreeEntry[];
}

function choose(reference: HubReference, entries: readonly TreeEntry[]): readonly TreeEntry[] {
  const name = `${reference.owner}/${reference.repository}`;
  const candidates = group(entries);
  if (candidates.length === 0) {
    throw new NotOnHubError(`${name} has no GGUF files.`, {
      hint: `Look for a conversion of it: many are named ${reference.repository}-GGUF.`,
    });
  }
  const { file, quantisation } = reference;
  if (file !== undefined) {
    const found = candidates.find((candidate) => candidate.files.some(({ path }) => path.toLowerCase() === file.toLowerCase()));
    if (found !== undefined) return found.files;
    // Where pulled files lie here says nothing of folders in the repository.
    const below = candidates.filter((candidate) =>
      candidate.files.some(({ path }) => path.toLowerCase().endsWith(`/${file.toLowerCase()}`)),
    );
    if (below[0] !== undefined && below.length === 1) return below[0].files;
    const paths = candidates.map((candidate) => candidate.files[0]?.path ?? '');
    throw new NotOnHubError(`${name} has no file ${file}.${didYouMean(file, paths)}`, {
      hint: `There are: ${listing(candidates)}.`,
    });
  }
  if (quantisation !== undefined) {
    const wanted = quantisation.toUpperCase();
    const found = candidates.filter(
      (candidate) => candidate.quantisation === wanted || candidate.stem.toUpperCase().endsWith(wanted),
    );
    if (found[0] !== undefined) return found[0].files;
    const tags = candidates.flatMap((candidate) => candidate.quantisation ?? []);
    throw new NotOnHubError(`${name} has no ${quantisation}.${didYouMean(wanted, tags)}`, {
      hint: `There are: ${listing(candidates)}.`,
    });
  }
  const preferred = PREFERRED.map((tag) => candidates.find((candidate) => candidate.quantisation === tag)).find(
    (item) => item !== undefined,
  );
  const only = candidates.length === 1 ? candidates[0] : undefined;
  const best = preferred ?? only;
  if (best !== undefined) return best.files;
  throw new NotOnHubError(`${name} has several models, and none of them is the usual choice.`, {
    hint: `Name one: hf:${name}:<quantisation>. There are: ${listing(candidates)}.`,
  });
}

function group(entries: readonly TreeEntry[]): Candidate[] {
  const stems = new Map<string, TreeEntry[]>();
  for (const entry of entries.toSorted((a, b) => a.path.localeCompare(b.path))) {
    const stem = fileStem(entry.path.replace(/-\d{5}-of-(\d{5})\.gguf$/i, '-00001-of-$1.gguf'));
    const folder = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf('/')));
    stems.set(`${folder}/${stem}`, [...(stems.get(`${folder}/${stem}`) ?? []), entry]);
  }
  return [...stems].map(([path, files]) => {
    const stem = path.slice(path.lastIndexOf('/') + 1);
    return { stem, quantisation: splitStem(stem).quantisation, files };
  });
}

function listing(candidates: readonly Candidate[]): string {
  return candidates
    .map(({ stem, quantisation, files }) => {
      const bytes = files.reduce((sum, file) => sum + sizeOf(file), 0);
      return `${quantisation ?? stem} (${formatBytes(bytes)})`;
    })
    .slice(0, 40)
    .join(', ');
}

/** A hub may lie below a path: a mirror behind a company's proxy. */
function prefix(hub: URL): string {
  return hub.pathname.replace(/\/+$/, '');
}
