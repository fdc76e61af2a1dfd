/** Lines of a byte stream, without their ends. Throws `RangeError` for one longer than `maxBytes`. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncIterable<string> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (let chunk of chunks) {
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10)) {
      yield Buffer.concat([...parts, chunk.subarray(0, end)]).toString();
      parts = [];
      length = 0;
      chunk = chunk.subarray(end + 1);
    }
    length += chunk.length;
    if (length > maxBytes) throw new RangeError(`A line is longer than ${maxBytes} bytes.`);
    if (chunk.length > 0) parts.push(chunk);
  }
}
