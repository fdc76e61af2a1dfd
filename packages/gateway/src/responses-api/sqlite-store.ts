import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { MIB } from '@pippa/core';
import type { Clock } from '@pippa/core';
import type { ResponseStore, StoredItem, StoredResponse } from './store.ts';

export interface ResponseStoreLimits {
  readonly maxResponses: number;
  /** Of all kept texts together. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** 30 days, as OpenAI keeps them; some thousand conversations of a household. */
export const DEFAULT_RESPONSE_STORE_LIMITS: ResponseStoreLimits = {
  maxResponses: 20_000,
  maxBytes: 256 * MIB,
  maxAgeMs: 30 * 24 * 60 * 60 * 1000,
};

export interface ResponseStoreOptions {
  /** A file that is made when it is not there; `:memory:` forgets everything with the process. */
  readonly path: string;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly limits?: Partial<ResponseStoreLimits>;
}

const MEMORY = ':memory:';

/** Conversations are their owner's alone; SQLite gives its other files the same rights. */
function makePrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
}

/** The layout is part of the name: another one gets a table of its own. */
const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA foreign_keys = ON;
  CREATE TABLE IF NOT EXISTS responses_1 (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS items_1 (
    id TEXT NOT NULL,
    response INTEGER NOT NULL REFERENCES responses_1 (number) ON DELETE CASCADE,
    PRIMARY KEY (id, response)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS items_1_response ON items_1 (response);
`;

/** Opens a store in a SQLite file. Throws what SQLite throws when the file is none of its own. */
export function openResponseStore(options: ResponseStoreOptions): ResponseStore {
  return new SqliteResponseStore(options);
}

const itemsOf = ({ input, response }: StoredResponse): readonly StoredItem[] => [...input, ...response.output];

class SqliteResponseStore implements ResponseStore {
  #database: DatabaseSync;
  #clock: Pick<Clock, 'wallMs'>;
  #limits: ResponseStoreLimits;
  #insert: StatementSync;
  #insertItem: StatementSync;
  #selectByItem: StatementSync;
  #select: StatementSync;
  #remove: StatementSync;
  #oldest: StatementSync;
  #total: StatementSync;
  #closed = false;

  constructor({ path, clock, limits }: ResponseStoreOptions) {
    if (path !== MEMORY) makePrivateFile(path);
    this.#database = new DatabaseSync(path);
    this.#clock = clock;
    this.#limits = { ...DEFAULT_RESPONSE_STORE_LIMITS, ...limits };
    this.#database.exec(SCHEMA);
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#insert = prepare('INSERT INTO responses_1 (id, owner, created_ms, bytes, body) VALUES (?, ?, ?, ?, ?)');
    this.#insertItem = prepare('INSERT OR IGNORE INTO items_1 (id, response) VALUES (?, ?)');
    this.#selectByItem = prepare(
      'SELECT body FROM items_1 JOIN responses_1 ON number = response WHERE items_1.id = ? AND owner = ? AND created_ms > ? ORDER BY number DESC LIMIT 1',
    );
    this.#select = prepare('SELECT body FROM responses_1 WHERE id = ? AND owner = ? AND created_ms > ?');
    this.#remove = prepare('DELETE FROM responses_1 WHERE id = ? AND owner = ? AND created_ms > ?');
    this.#oldest = prepare(
      'DELETE FROM responses_1 WHERE number = (SELECT min(number) FROM responses_1) RETURNING created_ms, bytes',
    );
    this.#total = prepare('SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes, min(created_ms) AS oldest FROM responses_1');
  }

  put(response: StoredResponse): void {
    if (this.#closed) return;
    const body = JSON.stringify(response);
    const bytes = Buffer.byteLength(body);
    if (bytes > this.#limits.maxBytes) return;
    this.#database.exec('BEGIN');
    try {
      const { lastInsertRowid } = this.#insert.run(response.id, response.owner, response.createdMs, bytes, body);
      for (const item of itemsOf(response)) this.#insertItem.run(item.id, lastInsertRowid);
      this.#makeRoom();
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  get(id: string, owner: string): StoredResponse | undefined {
    if (this.#closed) return undefined;
    const row = this.#select.get(id, owner, this.#oldestMs());
    return row === undefined ? undefined : (JSON.parse(String(row['body'])) as StoredResponse);
  }

  item(id: string, owner: string): StoredItem | undefined {
    if (this.#closed) return undefined;
    const row = this.#selectByItem.get(id, owner, this.#oldestMs());
    if (row === undefined) return undefined;
    return itemsOf(JSON.parse(String(row['body'])) as StoredResponse).find((item) => item.id === id);
  }

  delete(id: string, owner: string): boolean {
    if (this.#closed) return false;
    return Number(this.#remove.run(id, owner, this.#oldestMs()).changes) > 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
  }

  #oldestMs(): number {
    return this.#clock.wallMs() - this.#limits.maxAgeMs;
  }

  /** Drops the oldest until all limits hold. */
  #makeRoom(): void {
    const { maxResponses, maxBytes } = this.#limits;
    for (;;) {
      const total = this.#total.get();
      const over = Number(total?.['count']) > maxResponses || Number(total?.['bytes']) > maxBytes;
      const expired = Number(total?.['oldest']) <= this.#oldestMs();
      if (Number(total?.['count']) === 0 || (!over && !expired)) return;
      this.#oldest.run();
    }
  }
}
