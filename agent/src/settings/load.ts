import { readFile } from 'node:fs/promises';
import { errorMessage } from '@pippa/core';
import { parse, TomlError } from 'smol-toml';
import { UsageError } from '../errors.ts';
import { CONFIG_VARIABLE, environmentLayer, fileLayer, flagLayer, unknownVariables, type Layer } from './layers.ts';
import { settingsSchema, type SettingKey, type Settings } from './schema.ts';

/** Longest configuration file that is read. */
const MAX_CONFIG_BYTES = 1_048_576;

export interface SettingsSources {
  /** Flags as commander gives them, `config` among them. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the configuration file lies when neither flag nor variable names one; it need not exist. */
  readonly defaultConfigPath: string;
}

export interface LoadedSettings {
  readonly settings: Settings;
  /** Settings that somebody gave, as opposed to defaults. */
  readonly given: ReadonlySet<SettingKey>;
  readonly warnings: readonly string[];
}

/** Configuration file < environment < flags. Throws `UsageError` naming the source of what makes no sense. */
export async function loadSettings({ flags, environment, defaultConfigPath }: SettingsSources): Promise<LoadedSettings> {
  const named = [flags['config'], environment[CONFIG_VARIABLE]].find((path) => typeof path === 'string' && path !== '');
  const file = await readConfigFile(typeof named === 'string' ? named : defaultConfigPath, named !== undefined);
  const merged = { ...file, ...environmentLayer(environment), ...flagLayer(flags) };
  const settings = settingsSchema.parse(merged);
  const given = new Set(settingsSchema.keyof().options.filter((key) => key in merged));
  return { settings, given, warnings: unknownVariables(environment) };
}

async function readConfigFile(path: string, mustExist: boolean): Promise<Layer> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (!mustExist && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {};
    throw new UsageError(`The configuration file ${path} cannot be read: ${errorMessage(cause)}.`, { cause });
  }
  if (text.length > MAX_CONFIG_BYTES) throw new UsageError(`The configuration file ${path} is longer than 1 MB.`);
  try {
    return fileLayer(parse(text), path);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    throw new UsageError(`${path}, line ${cause.line}: ${cause.message.split('\n')[0]}.`, {
      cause,
      hint: 'The file is TOML: port = 11500',
    });
  }
}
