import { InvalidInputError } from '@pippa/core';
import { z } from 'zod';

/**
 * One thing that a command can ask of the running agent: what it takes, what it gives, and what it tells meanwhile. Both sides read
 * the same contract, so that neither trusts what the other, perhaps of another version, sends.
 */
export interface OperationContract<
  Input extends z.ZodType = z.ZodType,
  Result extends z.ZodType = z.ZodType,
  Event extends z.ZodType = z.ZodType,
> {
  /** Lower-case words joined by `-`. */
  readonly name: string;
  readonly input: Input;
  readonly result: Result;
  /** `z.never()` for an operation that tells nothing before its result. */
  readonly event: Event;
}

export interface OperationCall<Event> {
  /** Tells the caller of progress; dropped when the caller is gone. */
  emit(event: Event): void;
  /** Given when the caller has gone or the agent stops. */
  readonly signal: AbortSignal;
}

/** An operation with its work, as the server takes it. */
export interface OperationHandler {
  readonly name: string;
  /** Rejects with `InvalidInputError` for an input that breaks the contract, and with what the work throws. */
  run(input: unknown, call: OperationCall<unknown>): Promise<unknown>;
}

/** An operation that says no more than its result. */
export function operation<Input extends z.ZodType, Result extends z.ZodType>(
  name: string,
  input: Input,
  result: Result,
): OperationContract<Input, Result, z.ZodNever> {
  return { name, input, result, event: z.never() };
}

/** Binds an operation to what does it. */
export function implement<Input extends z.ZodType, Result extends z.ZodType, Event extends z.ZodType>(
  contract: OperationContract<Input, Result, Event>,
  work: (input: z.output<Input>, call: OperationCall<z.input<Event>>) => Promise<z.input<Result>> | z.input<Result>,
): OperationHandler {
  return {
    name: contract.name,
    async run(raw, call) {
      const input = contract.input.safeParse(raw);
      if (!input.success) throw wrongInput(contract.name, input.error);
      return work(input.data, call);
    },
  };
}

function wrongInput(name: string, error: z.ZodError): InvalidInputError {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  return new InvalidInputError(`${name}: ${path === '' ? '' : `${path}: `}${issue?.message ?? 'wrong input'}.`, { path });
}
