/** Scales a vector to length 1, in place. One of length 0 stays. */
export function normalise<Vector extends Float32Array>(vector: Vector): Vector {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  for (let index = 0; index < vector.length; index += 1) vector[index] = (vector[index] as number) * scale;
  return vector;
}
