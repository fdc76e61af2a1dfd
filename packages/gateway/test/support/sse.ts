/** The `data` of all events of a finished stream; comments are left out. */
export async function readEvents(response: Response): Promise<string[]> {
  return parseEvents(await response.text());
}

export function parseEvents(text: string): string[] {
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('data: '))
    .map((block) => block.slice('data: '.length));
}

/** Reads a stream piece by piece, so that a test can act in the middle of it. */
export class StreamReader {
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #decoder = new TextDecoder();
  text = '';

  constructor(response: Response) {
    if (response.body === null) throw new Error('The response has no body.');
    this.#reader = response.body.getReader();
  }

  /** Reads on until the text so far contains `part`; throws when the stream ends before. */
  async until(part: string): Promise<void> {
    while (!this.text.includes(part)) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`The stream ended without ${JSON.stringify(part)}: ${this.text}`);
      this.text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** Reads to the end. */
  async rest(): Promise<string> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return this.text;
      this.text += this.#decoder.decode(value, { stream: true });
    }
  }
}
