import type { Engine } from './engine.ts';
import { LibraryError } from './errors.ts';
import { PINNED_LLAMA_VERSION } from './libraries.ts';

/** Refuses libraries whose version or struct layouts are not the ones that `structs.ts` describes. */
export function checkAbi(engine: Pick<Engine, 'version' | 'modelDefaults' | 'contextDefaults'>): void {
  const version = engine.version();
  const model = engine.modelDefaults();
  const context = engine.contextDefaults();
  // Known defaults, spread over the structs so that a field added or removed anywhere shifts at least one of them.
  const expectations: readonly (readonly [string, unknown, unknown])[] = [
    ['n_gpu_layers', model.n_gpu_layers, -1],
    ['load_mode', model.load_mode, -1],
    ['use_extra_bufts', model.use_extra_bufts, true],
    ['load_mtp', model['load_mtp'], false],
    ['n_ctx', context.n_ctx, 512],
    ['n_batch', context.n_batch, 2048],
    ['n_ubatch', context.n_ubatch, 512],
    ['n_outputs_max_per_seq', context['n_outputs_max_per_seq'], 1],
    ['yarn_ext_factor', context['yarn_ext_factor'], -1],
    ['type_k', context.type_k, 1],
    ['offload_kqv', context.offload_kqv, true],
    ['swa_full', context.swa_full, true],
    ['kv_unified', context.kv_unified, false],
  ];
  const wrong = expectations.filter(([, actual, expected]) => actual !== expected);
  if (!version.includes(PINNED_LLAMA_VERSION) || wrong.length > 0) {
    const details = wrong.map(([name, actual, expected]) => `${name} is ${String(actual)}, not ${String(expected)}`).join('; ');
    throw new LibraryError(
      `The installed llama.cpp libraries (${version}) are not the release this agent was built for (${PINNED_LLAMA_VERSION}).${details === '' ? '' : ` ${details}.`}`,
      { hint: 'Install pippa-agent again, so that @node-llama-cpp packages of its own version come along.' },
    );
  }
}
