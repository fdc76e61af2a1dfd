/** An input item as it is kept, with an id of its own. */
export type StoredItem = Readonly<Record<string, unknown>> & { readonly id: string; readonly type: string };

/** A response that can be asked for again, and gone on from. */
export interface StoredResponse {
  readonly id: string;
  /** The key that it belongs to; nobody else can see it. */
  readonly owner: string;
  /** Wall-clock milliseconds since 1970. */
  readonly createdMs: number;
  /** The response that it goes on from. */
  readonly previousId: string | undefined;
  /** What was asked, without what came before. */
  readonly input: readonly StoredItem[];
  /** The response as it was sent. */
  readonly response: Readonly<Record<string, unknown>> & { readonly output: readonly StoredItem[] };
}

/** Keeps responses for a while. Nothing may rely on one being there. */
export interface ResponseStore {
  put(response: StoredResponse): void;
  /** Undefined: there never was one, it is too old, it made room for others, or it is another owner's. */
  get(id: string, owner: string): StoredResponse | undefined;
  /** An item that a response was asked with or answered with, while the response is there. */
  item(id: string, owner: string): StoredItem | undefined;
  /** Whether there was one. */
  delete(id: string, owner: string): boolean;
  close(): void;
}
