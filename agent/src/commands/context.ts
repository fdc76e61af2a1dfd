import type { Logger } from '@pippa/core';
import type { Interrupts } from '../interrupts.ts';
import type { AgentPaths } from '../paths.ts';
import type { SettingKey, Settings } from '../settings/schema.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** What every command gets. */
export interface CommandContext {
  readonly settings: Settings;
  /** Settings that somebody gave, as opposed to defaults. */
  readonly given: ReadonlySet<SettingKey>;
  readonly paths: AgentPaths;
  readonly terminal: Terminal;
  readonly environment: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly interrupts: Interrupts;
  readonly version: string;
}
