import { closeSync, openSync, readSync } from 'node:fs';
import koffi from 'koffi';
import { openEngine, type Engine, type Pointer } from './engine.ts';
import { LoadCancelledError, ModelLoadError } from './errors.ts';
import { TENSOR_ARRIVAL, type StageSource, type TensorSource } from './stage-options.ts';
import { ProgressCallback, SetTensorCallback, type ModelParams } from './structs.ts';

/** Tensors are read in pieces of this size: large enough for full disk speed, small enough to be nothing beside the weights. */
const READ_CHUNK_BYTES = 8 * 1024 * 1024;
/** Dummies beyond this have a row a token, and no step reads them: unwritten, they take no memory. */
const UNTOUCHED_BYTES = 1024 * 1024;
/** While bytes are waited for it is asked this often whether they are still wanted. */
const CANCEL_POLL_MS = 100;

export interface LoadControl {
  /** Fraction 0 .. 1. */
  readonly onProgress?: (fraction: number) => void;
  /** Asked between tensors. */
  readonly isCancelled?: () => boolean;
}

/** Loads a model or shard and returns its native handle. Blocks. Throws `ModelLoadError` or `LoadCancelledError`. */
export function loadModel(engine: Engine, source: StageSource, params: ModelParams, control: LoadControl): Pointer {
  const report = (fraction: number): boolean => {
    control.onProgress?.(fraction);
    return control.isCancelled?.() !== true;
  };
  const model =
    source.kind === 'files'
      ? loadFiles(engine, source.paths, params, report)
      : loadTensors(engine, source, params, { ...control, report });
  if (model) return model;
  if (control.isCancelled?.() === true) throw new LoadCancelledError('Loading the model was cancelled.');
  throw new ModelLoadError(
    'llama.cpp could not load the model: a tensor or metadata key that its architecture needs is missing or wrong, or memory ran out.',
    {
      hint: 'Check the file with its digest or download it again; with a newer architecture, update pippa-agent.',
    },
  );
}

function loadFiles(
  engine: Engine,
  paths: readonly string[],
  params: ModelParams,
  report: (fraction: number) => boolean,
): Pointer | null {
  const callback = koffi.register((fraction: number) => report(fraction), koffi.pointer(ProgressCallback));
  try {
    const withProgress = { ...params, progress_callback: callback };
    return paths.length === 1
      ? engine.loadModel(paths[0] as string, withProgress)
      : engine.loadModelSplits([...paths], paths.length, withProgress);
  } finally {
    koffi.unregister(callback);
  }
}

function loadTensors(
  engine: Engine,
  source: Extract<StageSource, { kind: 'tensors' }>,
  params: ModelParams,
  { report, isCancelled }: Pick<LoadControl, 'isCancelled'> & { readonly report: (fraction: number) => boolean },
): Pointer | null {
  const header = engine.ggufFromBuffer(source.header, source.header.length, { no_alloc: true, ctx: null });
  if (!header) throw new ModelLoadError('llama.cpp refused the shard header.');
  const byName = new Map(source.tensors.map((tensor) => [tensor.name, tensor]));
  const numbers = new Map(source.tensors.map(({ name }, index) => [name, index]));
  const files = new Map<string, number>();
  let done = 0;
  let failure: unknown;
  const setTensor = (tensor: Pointer): void => {
    if (failure !== undefined) return;
    try {
      const name = engine.tensorName(tensor);
      awaitTensor(source.arrivals, numbers.get(name), isCancelled);
      fillTensor(engine, tensor, byName.get(name), files);
      done += 1;
      if (!report(done / byName.size)) failure = new LoadCancelledError('Loading the model was cancelled.');
    } catch (error) {
      failure = error;
    }
  };
  const callback = koffi.register(setTensor, koffi.pointer(SetTensorCallback));
  try {
    const model = engine.modelFromUser(header, callback, null, params);
    if (failure === undefined) return model;
    if (model) engine.freeModel(model);
    throw failure instanceof Error ? failure : new ModelLoadError('A tensor could not be read.', { cause: failure });
  } finally {
    koffi.unregister(callback);
    engine.ggufFree(header);
    for (const descriptor of files.values()) closeSync(descriptor);
  }
}

/** Blocks until the bytes of the tensor are there. Throws `LoadCancelledError`, or `ModelLoadError` when they never come. */
function awaitTensor(
  arrivals: Int32Array<SharedArrayBuffer> | undefined,
  number: number | undefined,
  isCancelled: LoadControl['isCancelled'],
): void {
  if (arrivals === undefined || number === undefined) return;
  while (Atomics.load(arrivals, number) === TENSOR_ARRIVAL.awaited) {
    if (isCancelled?.() === true) throw new LoadCancelledError('Loading the model was cancelled.');
    Atomics.wait(arrivals, number, TENSOR_ARRIVAL.awaited, CANCEL_POLL_MS);
  }
  if (Atomics.load(arrivals, number) === TENSOR_ARRIVAL.lost) throw new ModelLoadError('The bytes of a tensor did not come.');
}

function fillTensor(engine: Engine, tensor: Pointer, source: TensorSource | undefined, files: Map<string, number>): void {
  const byteLength = Number(engine.tensorBytes(tensor));
  if (source?.place === undefined && byteLength > UNTOUCHED_BYTES) return;
  const chunk = Buffer.alloc(Math.min(READ_CHUNK_BYTES, byteLength));
  if (source?.place === undefined) {
    for (let offset = 0; offset < byteLength; offset += chunk.length) {
      engine.tensorSet(tensor, chunk, offset, Math.min(chunk.length, byteLength - offset));
    }
    return;
  }
  if (source.byteLength !== byteLength) {
    throw new ModelLoadError(
      `The tensor ${source.name} has ${source.byteLength} bytes in the file, but the engine expects ${byteLength}.`,
    );
  }
  const { path, offset: start } = source.place;
  let descriptor = files.get(path);
  if (descriptor === undefined) {
    descriptor = openSync(path, 'r');
    files.set(path, descriptor);
  }
  for (let offset = 0; offset < byteLength; offset += chunk.length) {
    const wanted = Math.min(chunk.length, byteLength - offset);
    const read = readSync(descriptor, chunk, 0, wanted, start + offset);
    if (read !== wanted) throw new ModelLoadError(`The file ${path} ended in the middle of the tensor ${source.name}.`);
    engine.tensorSet(tensor, chunk, offset, wanted);
  }
}

/** What the libraries report they can compute on, best first. */
export interface ComputeDevice {
  readonly name: string;
  readonly description: string;
  readonly kind: 'cpu' | 'gpu' | 'accelerator';
  readonly totalBytes: number;
  readonly freeBytes: number;
}

const DEVICE_TYPE_CPU = 0;
const DEVICE_TYPES_GPU: readonly number[] = [1, 2];

/** The devices of this machine as the engine's backends see them, GPUs first. */
export function computeDevices(): ComputeDevice[] {
  const engine = openEngine();
  const devices: ComputeDevice[] = [];
  for (let index = 0; index < Number(engine.deviceCount()); index += 1) {
    const device = engine.device(index);
    const free = new BigUint64Array(1);
    const total = new BigUint64Array(1);
    engine.deviceMemory(device, free, total);
    const type = engine.deviceType(device);
    const kind = type === DEVICE_TYPE_CPU ? 'cpu' : DEVICE_TYPES_GPU.includes(type) ? 'gpu' : 'accelerator';
    devices.push({
      name: engine.deviceName(device),
      description: engine.deviceDescription(device),
      kind,
      totalBytes: Number(total[0]),
      freeBytes: Number(free[0]),
    });
  }
  const rank = { gpu: 0, accelerator: 1, cpu: 2 };
  return devices.sort((a, b) => rank[a.kind] - rank[b.kind]);
}
