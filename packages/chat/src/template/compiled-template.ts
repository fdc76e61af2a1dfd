import { TemplateError, type Clock } from '@pippa/core';
import { MAX_TEMPLATE_CHARACTERS, MAX_TEMPLATE_STEPS, TEMPLATE_STEPS, TEMPLATE_STEPS_PER_VALUE } from '../limits.ts';
import { boundedRange, TemplateInterpreter, TemplateWorkError } from './interpreter.ts';
import {
  functionValue,
  NewScope,
  objectValue,
  parseTemplate,
  stringValue,
  toRuntimeValue,
  type SyntaxNode,
} from './jinja-engine.ts';
import { printAsPython } from './print-nodes.ts';
import { callParameters } from './python-methods.ts';
import { pythonText } from './python-text.ts';
import { strftime } from './strftime.ts';

/** The template itself refused what it was given, through `raise_exception`. */
export class TemplateRefusal extends Error {}

/** A Jinja template, parsed once; renders any number of times. */
export class CompiledTemplate {
  readonly source: string;
  readonly #program: SyntaxNode;
  readonly #clock: Pick<Clock, 'nowMs' | 'wallMs'>;

  /** Throws `TemplateError` when the source is no template. */
  constructor(source: string, clock: Pick<Clock, 'nowMs' | 'wallMs'>) {
    if (source.length > MAX_TEMPLATE_CHARACTERS) {
      throw new TemplateError(
        `The model's chat template has ${source.length} characters, more than the ${MAX_TEMPLATE_CHARACTERS} allowed.`,
      );
    }
    try {
      this.#program = printAsPython(parseTemplate(source));
    } catch (cause) {
      throw new TemplateError(`The model's chat template cannot be parsed: ${failureText(cause)}`, {
        cause,
        hint: 'Use the completions endpoint with a prompt of your own, or a GGUF file with a corrected template.',
      });
    }
    this.source = source;
    this.#clock = clock;
  }

  /** Throws `TemplateError` with the template's own message, or naming what went wrong in it. */
  render(variables: Readonly<Record<string, unknown>>): string {
    const scope = new NewScope();
    for (const [name, value] of Object.entries({ false: false, true: true, none: null, False: false, True: true, None: null })) {
      scope.set(name, value);
    }
    scope.setVariable(
      'raise_exception',
      functionValue(([message]) => {
        throw new TemplateRefusal(message === undefined ? 'refused' : pythonText(message));
      }),
    );
    scope.setVariable('range', functionValue(boundedRange));
    scope.setVariable(
      'strftime_now',
      functionValue((values) => stringValue(strftime(pythonText(values[0] ?? stringValue('%c')), this.#clock.wallMs()))),
    );
    scope.setVariable(
      'dict',
      functionValue((values) => objectValue(callParameters(values).named)),
    );
    try {
      for (const [name, value] of Object.entries(variables)) scope.setVariable(name, toRuntimeValue(value));
      return pythonText(new TemplateInterpreter(scope, stepsFor(variables), () => this.#clock.nowMs()).run(this.#program));
    } catch (cause) {
      throw new TemplateError(renderFailure(cause), { cause });
    }
  }
}

/** The work a template may do grows with what it is given, so that one which does nothing useful ends soon. */
function stepsFor(variables: Readonly<Record<string, unknown>>): number {
  return Math.min(MAX_TEMPLATE_STEPS, TEMPLATE_STEPS + TEMPLATE_STEPS_PER_VALUE * valueCount(variables));
}

function valueCount(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((count, inner) => count + valueCount(inner), 1);
}

function renderFailure(cause: unknown): string {
  if (cause instanceof TemplateRefusal) return `The model's chat template refuses these messages: ${cause.message}`;
  if (cause instanceof TemplateWorkError) return cause.message;
  return `The model's chat template failed: ${failureText(cause)}`;
}

/** The messages of a hostile template are its own; a person should still be able to read them. */
const MAX_FAILURE_CHARACTERS = 500;

function failureText(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, MAX_FAILURE_CHARACTERS);
}
