/** A text that waits, and where its vector goes. */
export interface WaitingText {
  readonly tokens: Int32Array;
  /** Place among the texts of its request. */
  readonly index: number;
}

/** A request's texts that wait, in order. */
export interface WaitingTexts {
  readonly texts: WaitingText[];
}

/**
 * Takes the next batch out of what waits: one text of each request in turn, so that a short request is done while a long one goes on.
 * A text of more tokens than a batch holds goes alone.
 */
export function takeBatch<Request extends WaitingTexts>(
  requests: Iterable<Request>,
  limits: { readonly maxRows: number; readonly maxTexts: number },
): { readonly request: Request; readonly text: WaitingText }[] {
  const batch: { request: Request; text: WaitingText }[] = [];
  let turn = [...requests];
  let rows = 0;
  while (turn.length > 0 && batch.length < limits.maxTexts) {
    const again: Request[] = [];
    for (const request of turn) {
      const [text] = request.texts;
      if (text === undefined || batch.length === limits.maxTexts) continue;
      if (batch.length > 0 && rows + text.tokens.length > limits.maxRows) continue;
      request.texts.shift();
      batch.push({ request, text });
      rows += text.tokens.length;
      again.push(request);
    }
    turn = again;
  }
  return batch;
}
