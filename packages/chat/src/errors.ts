import { PippaError, type PippaErrorOptions } from '@pippa/core';

/** 400: a JSON schema asks for something that a grammar cannot guarantee. Nothing of a schema is dropped silently. */
export class UnsupportedSchemaError extends PippaError {
  readonly code = 'unsupported_schema';
  /** Where in the schema, as a JSON pointer without escapes: `/properties/name/pattern`. */
  readonly path: string;

  constructor(reason: string, path: readonly (string | number)[], options: PippaErrorOptions = {}) {
    const pointer = `/${path.join('/')}`;
    super(`${reason} (at ${path.length === 0 ? 'the root of the schema' : pointer}).`, {
      hint: 'Leave the keyword out and check the answer yourself, or express it with a supported one.',
      ...options,
    });
    this.path = pointer;
  }
}
