import { SETTINGS } from './schema.ts';

/** The README's table of settings. */
export function settingsTable(): string {
  const rows = SETTINGS.map((setting) => {
    const flag = `\`${setting.flag} <${setting.argument.replaceAll('|', '\\|')}>\``;
    const byDefault = setting.default === '' ? '' : setting.default;
    return `| ${flag} | \`${setting.variable}\` | ${byDefault} | ${setting.meaning} |`;
  });
  return ['| flag | environment | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}
