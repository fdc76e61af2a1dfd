import { z } from 'zod';

/** What people read about a setting; the rules themselves are in its schema. */
export interface SettingText {
  /** One sentence without a full stop. */
  readonly meaning: string;
  /** Name of the value in the help: `--port <number>`; empty for a `switch`. */
  readonly argument: string;
  /** What the schema accepts, to follow "is not": `a whole number from 0 to 65535`. */
  readonly expects: string;
  /**
   * How the value is written as text: a `list` may be repeated as a flag and is separated by commas in the environment; a `switch` is
   * on when its flag is there, and otherwise `true` or `false`.
   */
  readonly kind: 'text' | 'number' | 'list' | 'switch';
  /** The default, for people. */
  readonly default: string;
}

const texts = z.registry<SettingText>();

/** Longest text value: a path. */
const MAX_TEXT = 4096;
/** Most values of a list. */
const MAX_LIST = 16;

const text = z.string().min(1).max(MAX_TEXT);

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** `12GB`, `0.5 gb`, `900MB`, `60%` */
export const MEMORY_SIZE = /^(\d+(?:\.\d+)?) ?(GB|MB|%)$/i;
export const STRATEGIES = ['speed', 'throughput', 'memory'] as const;
export const ACTIVATIONS = ['f32', 'f16', 'bf16'] as const;
export const DEFAULT_PORT = 11_500;
/** Where a node listens for others when it is free; what `--peer <host>` means. */
export const DEFAULT_MESH_PORT = 11_501;
export const DEMO_MODEL = 'pippa-tiny';
/** Value of `model` that starts the agent without one. */
export const NO_MODEL = 'none';

/** Every setting: its bounds, default and text, in one place. Flags, environment, file, help and README all come from here. */
export const settingsSchema = z.strictObject({
  model: z.array(text).min(1).max(MAX_LIST).default([DEMO_MODEL]).register(texts, {
    meaning: 'model to answer with: a GGUF file, or a name that `pippa-agent models` lists; repeat it for more, `none` for none',
    argument: 'path|name',
    expects: 'a path or a name',
    kind: 'list',
    default: DEMO_MODEL,
  }),
  modelDir: z.array(text).max(MAX_LIST).default([]).register(texts, {
    meaning: "folder to look for GGUF files in, besides the agent's own; repeat it for more",
    argument: 'folder',
    expects: 'a folder',
    kind: 'list',
    default: '',
  }),
  autoPull: z.boolean().default(false).register(texts, {
    meaning:
      'get models that are asked for by where they are to be had (`hf:org/repo`, `ollama:name`) and are not here, and pieces that no node has',
    argument: '',
    expects: 'true or false',
    kind: 'switch',
    default: '',
  }),
  diskQuota: z.int().min(1).max(1_000_000).optional().register(texts, {
    meaning: 'most gigabytes that pieces of models for rings with other nodes may take on the disk',
    argument: 'GB',
    expects: 'a whole number of gigabytes',
    kind: 'number',
    default: 'what is free',
  }),
  shardCache: z.int().min(0).max(1_000_000).optional().register(texts, {
    meaning: 'most gigabytes that layers cut out of models may take on the disk; those used longest ago go first, none in use',
    argument: 'GB',
    expects: 'a whole number of gigabytes',
    kind: 'number',
    default: 'twice the memory that models may take',
  }),
  transferLimit: z.int().min(1).max(100_000).optional().register(texts, {
    meaning: 'most megabytes a second, each way, in which pieces of models are exchanged with other nodes',
    argument: 'MB/s',
    expects: 'a whole number of megabytes a second',
    kind: 'number',
    default: 'what the link brings; 50 while answers are written',
  }),
  host: z.string().min(1).max(255).default('localhost').register(texts, {
    meaning: 'name or address to listen on: `localhost` is 127.0.0.1 and ::1, `0.0.0.0` every network and needs a key',
    argument: 'address',
    expects: 'a name or an address',
    kind: 'text',
    default: 'localhost',
  }),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .default(DEFAULT_PORT)
    .register(texts, {
      meaning: 'port to listen on; 0 takes any free one',
      argument: 'number',
      expects: 'a whole number from 0 to 65535',
      kind: 'number',
      default: String(DEFAULT_PORT),
    }),
  apiKey: z.string().min(8).max(MAX_TEXT).optional().register(texts, {
    meaning:
      'key that clients must send as their bearer token, besides those of `keys add`; without any, only this machine is served',
    argument: 'key',
    expects: 'a key of 8 characters or more',
    kind: 'text',
    default: '',
  }),
  tlsCert: text.optional().register(texts, {
    meaning: 'certificate to serve https with: a PEM file, its chain after it; needs --tls-key',
    argument: 'file',
    expects: 'a file',
    kind: 'text',
    default: '',
  }),
  tlsKey: text.optional().register(texts, {
    meaning: "the certificate's private key: a PEM file without a password",
    argument: 'file',
    expects: 'a file',
    kind: 'text',
    default: '',
  }),
  allowedHost: z.array(text).max(MAX_LIST).default([]).register(texts, {
    meaning: 'host name that requests may use besides those of this machine, as behind a proxy; repeat it for more',
    argument: 'name',
    expects: 'a host name',
    kind: 'list',
    default: '',
  }),
  allowedOrigin: z.array(text).max(MAX_LIST).default([]).register(texts, {
    meaning: 'origin of web pages that may call besides those of this machine, `*` for all; repeat it for more',
    argument: 'origin',
    expects: 'an origin such as https://example.com',
    kind: 'list',
    default: '',
  }),
  context: z.int().min(64).max(16_777_216).optional().register(texts, {
    meaning: 'tokens that one conversation may hold, the answer included',
    argument: 'tokens',
    expects: 'a whole number of tokens from 64 to 16777216',
    kind: 'number',
    default: "the model's own, at most 8192",
  }),
  parallel: z.int().min(1).max(64).default(4).register(texts, {
    meaning: 'answers that a model writes at the same time',
    argument: 'number',
    expects: 'a whole number from 1 to 64',
    kind: 'number',
    default: '4',
  }),
  threads: z.int().min(1).max(512).optional().register(texts, {
    meaning: 'CPU threads to compute with, shared by the stages of a model',
    argument: 'number',
    expects: 'a whole number from 1 to 512',
    kind: 'number',
    default: 'one per core',
  }),
  stages: z.int().min(1).max(64).default(1).register(texts, {
    meaning: 'stages to cut each model into, all on this machine: tries out a ring',
    argument: 'number',
    expects: 'a whole number from 1 to 64',
    kind: 'number',
    default: '1',
  }),
  memory: z.string().regex(MEMORY_SIZE).optional().register(texts, {
    meaning: 'memory that models may take on this machine, as a size or as a share of all there is',
    argument: 'size|share',
    expects: 'a size such as 12GB or 900MB, or a share such as 60%',
    kind: 'text',
    default: 'what the system can spare',
  }),
  strategy: z
    .enum(STRATEGIES)
    .default('speed')
    .register(texts, {
      meaning: 'how a model is laid over several nodes: speed of one answer, throughput of many, or memory in equal shares',
      argument: 'name',
      expects: `one of ${STRATEGIES.join(', ')}`,
      kind: 'text',
      default: 'speed',
    }),
  activations: z
    .enum(ACTIVATIONS)
    .default('f32')
    .register(texts, {
      meaning: 'how hidden states travel between nodes: f32 is exact, f16 and bf16 halve what slow links carry',
      argument: 'format',
      expects: `one of ${ACTIVATIONS.join(', ')}`,
      kind: 'text',
      default: 'f32',
    }),
  exactReplay: z.boolean().default(false).register(texts, {
    meaning: 'what is computed again when a machine was lost comes out the same to the last bit; costs batching and prefix reuse',
    argument: '',
    expects: 'true or false',
    kind: 'switch',
    default: '',
  }),
  noSpares: z.boolean().default(false).register(texts, {
    meaning: 'load no second copies of layers into memory that is free, for when a machine leaves',
    argument: '',
    expects: 'true or false',
    kind: 'switch',
    default: '',
  }),
  copies: z.int().min(1).max(64).default(4).register(texts, {
    meaning:
      'how often a model may be loaded at the same time, each time on other machines, when requests wait for it; 1 is no more than asked for',
    argument: 'number',
    expects: 'a whole number from 1 to 64',
    kind: 'number',
    default: '4',
  }),
  keepAlive: z.int().min(0).max(525_600).default(30).register(texts, {
    meaning: 'minutes that a model stays loaded after its last answer, when a request brought it up',
    argument: 'minutes',
    expects: 'a whole number of minutes from 0 to 525600',
    kind: 'number',
    default: '30',
  }),
  mesh: z.enum(['on', 'new', 'off']).default('on').register(texts, {
    meaning: 'whether to be in a mesh: `on`; `new` begins one even where there is another on the network; `off` stays alone',
    argument: 'on|new|off',
    expects: 'on, new or off',
    kind: 'text',
    default: 'on',
  }),
  join: z.string().min(1).max(256).optional().register(texts, {
    meaning: 'code of the mesh to join, as `pippa-agent invite` prints it on a member',
    argument: 'code',
    expects: 'a code',
    kind: 'text',
    default: '',
  }),
  peer: z.array(z.string().min(1).max(256)).max(MAX_LIST).default([]).register(texts, {
    meaning: 'address of a member, for networks without multicast: host, host:port or a multiaddr; repeat it for more',
    argument: 'address',
    expects: 'a host, host:port or a multiaddr',
    kind: 'list',
    default: '',
  }),
  interface: z.array(z.string().min(1).max(64)).max(MAX_LIST).default([]).register(texts, {
    meaning:
      "network interface to reach other agents over; repeat it for more; otherwise all but virtual machines', containers' and VPNs'",
    argument: 'name',
    expects: 'the name of an interface, such as en0',
    kind: 'list',
    default: '',
  }),
  meshPort: z.int().min(0).max(65_535).optional().register(texts, {
    meaning: 'port (TCP) to listen on for other agents; 0 takes any free one',
    argument: 'number',
    expects: 'a whole number from 0 to 65535',
    kind: 'number',
    default: '11501, or any free one',
  }),
  name: z.string().trim().min(1).max(64).optional().register(texts, {
    meaning: 'what this node is called in the mesh',
    argument: 'text',
    expects: 'a name of at most 64 characters',
    kind: 'text',
    default: "the machine's name",
  }),
  open: z.boolean().default(false).register(texts, {
    meaning: 'a mesh without a key, for networks that you trust: whoever is on the network is in',
    argument: '',
    expects: 'true or false',
    kind: 'switch',
    default: '',
  }),
  stateDir: text.optional().register(texts, {
    meaning: 'folder of what makes this agent itself: identity, mesh key, socket; several agents on one machine need one each',
    argument: 'folder',
    expects: 'a folder',
    kind: 'text',
    default: '',
  }),
  otlp: z
    .url({ protocol: /^https?$/ })
    .max(MAX_TEXT)
    .optional()
    .register(texts, {
      meaning:
        'address of an OpenTelemetry collector (OTLP over HTTP) to send traces of requests to: times and token counts, never text',
      argument: 'url',
      expects: 'an address such as http://localhost:4318',
      kind: 'text',
      default: '',
    }),
  logLevel: z
    .enum(LOG_LEVELS)
    .default('warn')
    .register(texts, {
      meaning: `least severe log lines to write to stderr: ${LOG_LEVELS.join(', ')}`,
      argument: 'level',
      expects: `one of ${LOG_LEVELS.join(', ')}`,
      kind: 'text',
      default: 'warn',
    }),
});

export type Settings = z.output<typeof settingsSchema>;
export type SettingKey = keyof Settings;

export interface SettingDefinition extends SettingText {
  readonly key: SettingKey;
  /** `--log-level` */
  readonly flag: string;
  /** `PIPPA_LOG_LEVEL` */
  readonly variable: string;
  /** `log-level`: the key in the configuration file. */
  readonly entry: string;
  readonly schema: z.ZodType;
}

function define(key: SettingKey): SettingDefinition {
  const schema = settingsSchema.shape[key];
  const about = texts.get(schema);
  if (about === undefined) throw new TypeError(`The setting ${key} has no text.`);
  const entry = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return { ...about, key, entry, flag: `--${entry}`, variable: variableOf(entry), schema };
}

/** `log-level` -> `PIPPA_LOG_LEVEL` */
export function variableOf(entry: string): string {
  return `PIPPA_${entry.replaceAll('-', '_').toUpperCase()}`;
}

export const SETTINGS: readonly SettingDefinition[] = settingsSchema.keyof().options.map(define);
