/** Longest line that is buffered; one token's event is far below. */
const MAX_LINE_CHARACTERS = 1_048_576;

/** The `data` of each event of a `text/event-stream` body. Throws `RangeError` for a line without end. */
export async function* serverSentData(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARACTERS) throw new RangeError('The answer holds a line that does not end.');
    for (const line of lines.map((raw) => raw.replace(/\r$/, ''))) {
      if (line === '' && data.length > 0) {
        yield data.join('\n');
        data = [];
      } else if (line.startsWith('data:')) {
        data.push(line.slice(5).replace(/^ /, ''));
      }
    }
  }
}
