import { SETTINGS, type SettingDefinition } from './schema.ts';

/** `--port <number>`, `--open` */
export function usage({ flag, argument, kind }: SettingDefinition): string {
  return kind === 'switch' ? flag : `${flag} <${argument}>`;
}

/** The README's table of settings. */
export function settingsTable(): string {
  const rows = SETTINGS.map((setting) => {
    const flag = `\`${usage(setting).replaceAll('|', '\\|')}\``;
    const byDefault = setting.default === '' ? '' : setting.default;
    return `| ${flag} | \`${setting.variable}\` | ${byDefault} | ${setting.meaning} |`;
  });
  return ['| flag | environment | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}
