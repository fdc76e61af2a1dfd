import { nearest } from '@pippa/core';
import { columns } from '../terminal/columns.ts';

export type SlashCommand = ObeyedCommand | { readonly kind: 'exit' };

/** Commands after which the conversation goes on. */
export type ObeyedCommand =
  | { readonly kind: 'help' | 'clear' | 'stats' }
  | { readonly kind: 'system'; readonly text: string }
  | { readonly kind: 'unknown'; readonly name: string; readonly suggestion: string | undefined };

const COMMANDS = {
  '/help': 'this list',
  '/clear': 'start afresh: the conversation so far is forgotten',
  '/system': 'what the model keeps to from now on: /system Answer in rhymes.',
  '/stats': 'tokens and speed of the last answer',
  '/exit': 'leave (Ctrl-D does too)',
} as const;

const ALIASES: Readonly<Record<string, keyof typeof COMMANDS>> = { '/?': '/help', '/quit': '/exit', '/bye': '/exit' };

/** A line that begins with a slash and a letter is a command; undefined for anything else. */
export function parseSlashCommand(line: string): SlashCommand | undefined {
  const match = /^(\/[a-z?]+)(?:\s+([\s\S]*))?$/i.exec(line.trim());
  if (match === null) return undefined;
  const typed = (match[1] ?? '').toLowerCase();
  const name = ALIASES[typed] ?? typed;
  switch (name) {
    case '/help':
      return { kind: 'help' };
    case '/clear':
      return { kind: 'clear' };
    case '/stats':
      return { kind: 'stats' };
    case '/exit':
      return { kind: 'exit' };
    case '/system':
      return { kind: 'system', text: match[2] ?? '' };
    default:
      return { kind: 'unknown', name, suggestion: nearest(name, Object.keys(COMMANDS)) };
  }
}

export function slashHelp(): string {
  const keys = [
    ['a line that ends with \\', 'goes on in the next line'],
    ['Ctrl-C', 'stops the answer; twice at the prompt, leaves'],
  ];
  return columns([...Object.entries(COMMANDS), ...keys])
    .map((line) => `  ${line}\n`)
    .join('');
}
