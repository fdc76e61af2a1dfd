import { UsageError } from '../errors.ts';
import { didYouMean } from '@pippa/core';
import { SETTINGS, variableOf, type SettingDefinition } from './schema.ts';

/** Checked values of one source, by setting key. */
export type Layer = Readonly<Record<string, unknown>>;

/** The variable that names the configuration file; it is no setting, as the file cannot name itself. */
export const CONFIG_VARIABLE = variableOf('config');

/** Read by the engine itself: a folder of llama.cpp libraries to use instead of the installed package's. */
export const LIBRARIES_VARIABLE = variableOf('llama-libraries');

/** Flags as commander gives them: texts, lists of texts for those that may be repeated. */
export function flagLayer(flags: Readonly<Record<string, unknown>>): Layer {
  return layer((setting) => ({ raw: flags[setting.key], source: setting.flag }));
}

/** Empty variables count as unset, as with most tools. */
export function environmentLayer(environment: Readonly<Record<string, string | undefined>>): Layer {
  return layer((setting) => {
    const raw = environment[setting.variable];
    if (raw === undefined || raw === '') return { raw: undefined, source: setting.variable };
    const list = raw.split(',').map((part) => part.trim());
    return { raw: setting.kind === 'list' ? list.filter((part) => part !== '') : raw, source: setting.variable };
  });
}

/** Variables with the agent's prefix that it does not know, each with a sentence about it: they may belong to something else. */
export function unknownVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  const known = [...SETTINGS.map((setting) => setting.variable), CONFIG_VARIABLE, LIBRARIES_VARIABLE];
  return Object.keys(environment)
    .filter((name) => name.startsWith('PIPPA_') && !known.includes(name))
    .map((name) => `The environment variable ${name} is not a setting.${didYouMean(name, known)}`);
}

/** A parsed configuration file. Throws `UsageError` for an entry that is not a setting. */
export function fileLayer(entries: Readonly<Record<string, unknown>>, path: string): Layer {
  const known = SETTINGS.map((setting) => setting.entry);
  for (const entry of Object.keys(entries)) {
    if (!known.includes(entry)) {
      throw new UsageError(`${path}: "${entry}" is not a setting.${didYouMean(entry, known)}`, {
        hint: `Settings are ${known.join(', ')}.`,
      });
    }
  }
  return layer((setting) => {
    const value = entries[setting.entry];
    return { raw: setting.kind === 'list' && typeof value === 'string' ? [value] : value, source: `${path}: ${setting.entry}` };
  });
}

function layer(read: (setting: SettingDefinition) => { readonly raw: unknown; readonly source: string }): Layer {
  const values: Record<string, unknown> = {};
  for (const setting of SETTINGS) {
    const { raw, source } = read(setting);
    if (raw !== undefined) values[setting.key] = check(setting, raw, source);
  }
  return values;
}

function check(setting: SettingDefinition, raw: unknown, source: string): unknown {
  const result = setting.schema.safeParse(typeof raw === 'string' ? fromText(setting, raw) : raw);
  if (result.success) return result.data;
  throw new UsageError(`${source}: ${JSON.stringify(raw)} is not ${setting.expects}.`);
}

/** Numbers and switches as flags and variables have them. */
function fromText({ kind }: SettingDefinition, raw: string): unknown {
  const text = raw.trim();
  if (kind === 'number' && /^\d+$/.test(text)) return Number(text);
  if (kind === 'switch' && /^(true|1|yes|on)$/i.test(text)) return true;
  if (kind === 'switch' && /^(false|0|no|off)$/i.test(text)) return false;
  return raw;
}
