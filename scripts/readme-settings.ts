/** Writes the table of settings into the README: `node scripts/readme-settings.ts`. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { settingsTable } from '../agent/src/settings/texts.ts';

const path = fileURLToPath(new URL('../README.md', import.meta.url));
const readme = await readFile(path, 'utf8');
const section = /(<!-- settings: [^\n]*-->\n)[\s\S]*(<!-- end of settings -->)/;
if (!section.test(readme)) throw new Error('The README has no section for the settings.');
await writeFile(
  path,
  readme.replace(section, (_, begin: string, end: string) => `${begin}${settingsTable()}\n${end}`),
);
