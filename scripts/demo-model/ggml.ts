import koffi, { type TypeObject } from 'koffi';
import { openEngine, openInstalledLibraries } from '@pippa/llama';

export type Pointer = bigint;

const p = 'void*';
const InitParams = koffi.struct({ mem_size: 'size_t', mem_buffer: p, no_alloc: 'bool' });

/** ggml's graph API as far as a small llama needs it, from the same libraries that run the model. */
export function openGgml() {
  // Registers the CPU backends.
  openEngine();
  const { base, ggml } = openInstalledLibraries();
  const f = <Signature>(name: string, result: TypeObject | string, parameters: (TypeObject | string)[]): Signature =>
    base.func(name, result, parameters) as unknown as Signature;
  type Unary = (context: Pointer, a: Pointer) => Pointer;
  type Binary = (context: Pointer, a: Pointer, b: Pointer) => Pointer;
  return {
    init: f<(params: { mem_size: number; mem_buffer: null; no_alloc: boolean }) => Pointer>('ggml_init', p, [InitParams]),
    new1d: f<(context: Pointer, type: number, a: number) => Pointer>('ggml_new_tensor_1d', p, [p, 'int', 'int64']),
    new2d: f<(context: Pointer, type: number, a: number, b: number) => Pointer>('ggml_new_tensor_2d', p, [
      p,
      'int',
      'int64',
      'int64',
    ]),
    setParam: f<(tensor: Pointer) => void>('ggml_set_param', 'void', [p]),
    setLoss: f<(tensor: Pointer) => void>('ggml_set_loss', 'void', [p]),
    setInput: f<(tensor: Pointer) => void>('ggml_set_input', 'void', [p]),
    setOutput: f<(tensor: Pointer) => void>('ggml_set_output', 'void', [p]),
    getRows: f<Binary>('ggml_get_rows', p, [p, p, p]),
    rmsNorm: f<(context: Pointer, a: Pointer, epsilon: number) => Pointer>('ggml_rms_norm', p, [p, p, 'float']),
    mul: f<Binary>('ggml_mul', p, [p, p, p]),
    add: f<Binary>('ggml_add', p, [p, p, p]),
    matmul: f<Binary>('ggml_mul_mat', p, [p, p, p]),
    silu: f<Unary>('ggml_silu', p, [p, p]),
    cont: f<Unary>('ggml_cont', p, [p, p]),
    permute: f<(context: Pointer, a: Pointer, x: number, y: number, z: number, w: number) => Pointer>('ggml_permute', p, [
      p,
      p,
      'int',
      'int',
      'int',
      'int',
    ]),
    reshape2d: f<(context: Pointer, a: Pointer, x: number, y: number) => Pointer>('ggml_reshape_2d', p, [p, p, 'int64', 'int64']),
    reshape4d: f<(context: Pointer, a: Pointer, x: number, y: number, z: number, w: number) => Pointer>('ggml_reshape_4d', p, [
      p,
      p,
      'int64',
      'int64',
      'int64',
      'int64',
    ]),
    rope: f<(context: Pointer, a: Pointer, positions: Pointer, dimensions: number, mode: number) => Pointer>('ggml_rope', p, [
      p,
      p,
      p,
      'int',
      'int',
    ]),
    softMax: f<(context: Pointer, a: Pointer, mask: Pointer, scale: number, bias: number) => Pointer>('ggml_soft_max_ext', p, [
      p,
      p,
      p,
      'float',
      'float',
    ]),
    crossEntropy: f<Binary>('ggml_cross_entropy_loss', p, [p, p, p]),
    adamw: f<(context: Pointer, a: Pointer, gradient: Pointer, m: Pointer, v: Pointer, parameters: Pointer) => Pointer>(
      'ggml_opt_step_adamw',
      p,
      [p, p, p, p, p, p],
    ),
    newGraph: f<(context: Pointer, size: number, gradients: boolean) => Pointer>('ggml_new_graph_custom', p, [p, 'size_t', 'bool']),
    forward: f<(graph: Pointer, tensor: Pointer) => void>('ggml_build_forward_expand', 'void', [p, p]),
    backward: f<(context: Pointer, graph: Pointer, accumulators: null) => void>('ggml_build_backward_expand', 'void', [p, p, p]),
    gradient: f<(graph: Pointer, tensor: Pointer) => Pointer>('ggml_graph_get_grad', p, [p, p]),
    gradientAccumulator: f<(graph: Pointer, tensor: Pointer) => Pointer>('ggml_graph_get_grad_acc', p, [p, p]),
    device: ggml.func('ggml_backend_dev_get', p, ['size_t']) as unknown as (index: number) => Pointer,
    backend: f<(device: Pointer, parameters: null) => Pointer>('ggml_backend_dev_init', p, [p, p]),
    deviceRegistry: f<(device: Pointer) => Pointer>('ggml_backend_dev_backend_reg', p, [p]),
    procedure: f<(registry: Pointer, name: string) => Pointer>('ggml_backend_reg_get_proc_address', p, [p, 'const char*']),
    bufferType: f<(backend: Pointer) => Pointer>('ggml_backend_get_default_buffer_type', p, [p]),
    allocateAll: f<(context: Pointer, backend: Pointer) => Pointer>('ggml_backend_alloc_ctx_tensors', p, [p, p]),
    allocator: f<(bufferType: Pointer) => Pointer>('ggml_gallocr_new', p, [p]),
    allocateGraph: f<(allocator: Pointer, graph: Pointer) => boolean>('ggml_gallocr_alloc_graph', 'bool', [p, p]),
    compute: f<(backend: Pointer, graph: Pointer) => number>('ggml_backend_graph_compute', 'int', [p, p]),
    set: f<(tensor: Pointer, data: ArrayBufferView, offset: number, bytes: number) => void>('ggml_backend_tensor_set', 'void', [
      p,
      p,
      'size_t',
      'size_t',
    ]),
    get: f<(tensor: Pointer, data: ArrayBufferView, offset: number, bytes: number) => void>('ggml_backend_tensor_get', 'void', [
      p,
      p,
      'size_t',
      'size_t',
    ]),
  };
}

export type Ggml = ReturnType<typeof openGgml>;

/** A CPU backend that computes with `threads` threads. */
export function cpuBackend(ggml: Ggml, deviceIndex: number, threads: number): Pointer {
  const device = ggml.device(deviceIndex);
  const backend = ggml.backend(device, null);
  const setThreads = ggml.procedure(ggml.deviceRegistry(device), 'ggml_backend_set_n_threads');
  koffi.call(setThreads, koffi.proto('void', [p, 'int']), backend, threads);
  return backend;
}
