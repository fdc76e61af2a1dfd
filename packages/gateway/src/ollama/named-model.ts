import { InvalidRequestError } from '../errors.ts';

/** The model that a body names, under either of the two keys in use. Throws an `InvalidRequestError` when there is none. */
export function namedIn({
  model,
  name,
}: {
  readonly model?: string | null | undefined;
  readonly name?: string | null | undefined;
}): string {
  const named = model ?? name ?? '';
  if (named !== '') return named;
  throw new InvalidRequestError("Missing required parameter: 'model'.", { param: 'model', reason: 'missing_required_parameter' });
}
