/** The first `dimensions` numbers of a vector, scaled to length 1 again; models that allow it put what matters most there. */
export function shorten(vector: Float32Array, dimensions: number): Float32Array {
  if (dimensions >= vector.length) return vector;
  const short = vector.slice(0, dimensions);
  const length = Math.hypot(...short);
  return length > 0 ? short.map((value) => value / length) : short;
}

/** As OpenAI's clients ask for it: 32-bit floats, little-endian. */
export function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}
