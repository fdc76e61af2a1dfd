import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { environmentLayer } from '../src/settings/layers.ts';
import { loadSettings, type LoadedSettings } from '../src/settings/load.ts';
import { nearest } from '@pippa/core';
import { SETTINGS } from '../src/settings/schema.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-settings-'));
});
afterEach(() => rm(directory, { recursive: true }));

interface Given {
  readonly flags?: Record<string, unknown>;
  readonly environment?: Record<string, string>;
  readonly file?: string;
}

async function load({ flags = {}, environment = {}, file }: Given): Promise<LoadedSettings> {
  const defaultConfigPath = join(directory, 'config.toml');
  if (file !== undefined) await writeFile(defaultConfigPath, file);
  return loadSettings({ flags, environment, defaultConfigPath });
}

describe('settings', () => {
  it('have defaults and need no file', async () => {
    const { settings, given } = await load({});
    expect(settings).toMatchObject({ model: ['pippa-tiny'], host: 'localhost', port: 11_500, parallel: 4, stages: 1 });
    expect([...given]).toEqual([]);
  });

  it('come from the file, over it the environment, over both the flags', async () => {
    const file = 'port = 1\nhost = "file"\nparallel = 2\nmodel = "one.gguf"\n';
    const { settings, given } = await load({
      file,
      environment: { PIPPA_PORT: '2', PIPPA_HOST: 'environment', PIPPA_MODEL: 'a, b' },
      flags: { port: '3' },
    });
    expect(settings).toMatchObject({ port: 3, host: 'environment', parallel: 2, model: ['a', 'b'] });
    expect(given).toEqual(new Set(['port', 'host', 'parallel', 'model']));
  });

  it('treat an empty variable as unset', async () => {
    expect((await load({ environment: { PIPPA_PORT: '' } })).settings.port).toBe(11_500);
  });

  it.each<[source: string, given: Given, message: RegExp]>([
    ['flag', { flags: { port: '70000' } }, /^--port: "70000" is not a whole number from 0 to 65535\.$/],
    ['flag that is no number', { flags: { context: 'many' } }, /^--context: "many" is not/],
    ['variable', { environment: { PIPPA_LOG_LEVEL: 'loud' } }, /^PIPPA_LOG_LEVEL: "loud" is not one of debug, info/],
    ['file entry', { file: 'port = "x"' }, /config\.toml: port: "x" is not/],
    ['fraction', { file: 'parallel = 1.5' }, /config\.toml: parallel: 1\.5 is not/],
    ['unknown file entry', { file: 'prot = 1' }, /"prot" is not a setting\. Did you mean port\?/],
    ['file that is no TOML', { file: 'port 1' }, /config\.toml, line 1: /],
    ['missing file that was named', { flags: { config: '/nowhere/pippa.toml' } }, /\/nowhere\/pippa\.toml cannot be read/],
    ['missing file that the environment names', { environment: { PIPPA_CONFIG: '/nowhere/pippa.toml' } }, /cannot be read/],
  ])('refuse a wrong %s, naming it', async (_source, given, message) => {
    const refused = load(given);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('read the file that a flag names', async () => {
    const path = join(directory, 'other.toml');
    await writeFile(path, 'port = 7\n');
    expect((await load({ file: 'port = 1', flags: { config: path } })).settings.port).toBe(7);
  });

  it('warn of a variable that is near to one of theirs', async () => {
    const { warnings } = await load({ environment: { PIPPA_PROT: '1' } });
    expect(warnings).toEqual(['The environment variable PIPPA_PROT is not a setting. Did you mean PIPPA_PORT?']);
  });

  it('have a text each, and a default that is the schema’s own', () => {
    for (const setting of SETTINGS) {
      expect(setting.meaning, setting.key).toMatch(/^([a-z]|CPU).*[^.]$/);
      const own = setting.schema.safeParse(undefined).data;
      if (own === undefined || setting.default === '') continue;
      expect(environmentLayer({ [setting.variable]: setting.default })[setting.key], setting.key).toEqual(own);
    }
  });
});

describe('the nearest word', () => {
  it.each([
    ['modle', 'model'],
    ['logLevel', 'log-level'],
    ['contxt', 'context'],
    ['xyz', undefined],
  ])('to %s is %s', (word, wanted) => {
    expect(
      nearest(
        word,
        SETTINGS.map((setting) => setting.entry),
      ),
    ).toBe(wanted);
  });
});
