import { BadReferenceError } from '../errors.ts';
import { looksLikePath } from '../library/resolve-name.ts';

/** Where a model shall be got from. */
export type PullReference =
  /** A repository of the Hugging Face hub; `quantisation` or `file` choose in it. */
  | {
      readonly kind: 'hub';
      readonly owner: string;
      readonly repository: string;
      readonly revision: string;
      readonly quantisation?: string;
      readonly file?: string;
    }
  | { readonly kind: 'ollama'; readonly namespace: string; readonly model: string; readonly tag: string }
  | { readonly kind: 'url'; readonly url: URL }
  | { readonly kind: 'path'; readonly path: string };

const WORD = /^[\w][\w.-]{0,95}$/;
const FILE = /^(?!.*\.\.)[\w][\w.+\-/ ]{0,500}\.gguf$/i;
const EXAMPLES =
  'Examples: hf:org/repo, hf:org/repo:Q4_K_M, hf:org/repo/file.gguf, llama3.2:1b, https://example.com/model.gguf, ./model.gguf.';

/** Throws `BadReferenceError` with examples. */
export function parsePullReference(text: string): PullReference {
  const trimmed = text.trim();
  if (/^https?:\/\//i.test(trimmed)) return urlReference(trimmed);
  const scheme = /^(hf|huggingface|ollama):(?:\/\/)?(.+)$/i.exec(trimmed);
  if (scheme?.[1]?.toLowerCase() === 'ollama') return ollamaReference(scheme[2] ?? '');
  if (scheme !== null) return hubReference(scheme[2] ?? '');
  const host = /^(?:hf\.co|huggingface\.co)\/(.+)$/i.exec(trimmed);
  if (host !== null) return hubReference(host[1] ?? '');
  if (looksLikePath(trimmed) && !/^[^./~][^/]*\/[^/]+\/[^/].*\.gguf$/i.test(trimmed)) return { kind: 'path', path: trimmed };
  // `org/repo` is the hub's way to name things, a single word Ollama's.
  return trimmed.includes('/') ? hubReference(trimmed) : ollamaReference(trimmed);
}

function hubReference(text: string): PullReference {
  const [owner = '', second = '', ...rest] = text.split('/');
  const [, repository = '', revision = 'main', quantisation] = /^([^@:]+)(?:@([^:]+))?(?::(.+))?$/.exec(second) ?? [];
  if (!WORD.test(owner) || !WORD.test(repository) || !/^[\w.-]{1,100}$/.test(revision)) throw bad(text);
  const base = { kind: 'hub', owner, repository, revision } as const;
  if (rest.length > 0) {
    const file = rest.join('/');
    if (quantisation !== undefined || !FILE.test(file)) throw bad(text);
    return { ...base, file };
  }
  if (quantisation === undefined) return base;
  if (!/^[\w.-]{1,64}$/.test(quantisation)) throw bad(text);
  return { ...base, quantisation };
}

function ollamaReference(text: string): PullReference {
  const match = /^(?:([^/:]+)\/)?([^/:]+)(?::([^/:]+))?$/.exec(text);
  const [, namespace = 'library', model = '', tag = 'latest'] = match ?? [];
  if (match === null || !WORD.test(namespace) || !WORD.test(model) || !WORD.test(tag)) throw bad(text);
  return { kind: 'ollama', namespace, model, tag };
}

function urlReference(text: string): PullReference {
  if (!URL.canParse(text)) throw bad(text);
  const url = new URL(text);
  const hub = /^\/([^/]+)\/([^/]+)(?:\/(?:resolve|blob)\/([^/]+)\/(.+\.gguf))?\/?$/i.exec(decodeURIComponent(url.pathname));
  if (/^(www\.)?(huggingface\.co|hf\.co)$/i.test(url.hostname) && hub !== null) {
    const [, owner = '', repository = '', revision, file] = hub;
    return hubReference(
      `${owner}/${repository}${revision === undefined ? '' : `@${revision}`}${file === undefined ? '' : `/${file}`}`,
    );
  }
  if (url.username !== '' || url.password !== '') throw new BadReferenceError('An address with a password in it is not taken.');
  return { kind: 'url', url };
}

function bad(text: string): BadReferenceError {
  return new BadReferenceError(`"${text}" says no place that a model can be got from.`, { hint: EXAMPLES });
}
