import type { GrammarBuilder } from './grammar-builder.ts';

/** White space between the parts of a JSON text: what models like to write, but never so much that they get lost in it. */
const SPACE = '| " " | "\\n"{1,2} [ \\t]{0,20}';
/** A character that stands for itself inside a JSON text. */
const PLAIN = '[^"\\\\\\x00-\\x1F\\x7F]';
/** One character of a JSON text. Halves of surrogate pairs are left out: two of them would count as one character. */
const CHARACTER = `${PLAIN} | "\\\\" (["\\\\/bfnrt] | "u" ([0-9a-cefA-CEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2}))`;
/** Few enough digits that no reader overflows. */
const NUMBER = '"-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?';

export const INTEGER_BODY = '"-"? ("0" | [1-9] [0-9]{0,15})';

/** Names of the rules that JSON texts are made of; each is added when it is first asked for. */
export class JsonRules {
  readonly #builder: GrammarBuilder;
  #value: string | undefined;

  constructor(builder: GrammarBuilder) {
    this.#builder = builder;
  }

  space = (): string => this.#builder.add('space', SPACE);
  plainCharacter = (): string => this.#builder.add('plain', PLAIN);
  character = (): string => this.#builder.add('character', CHARACTER);
  text = (): string => this.#builder.add('text', `"\\"" ${this.character()}* "\\""`);
  number = (): string => this.#builder.add('number', NUMBER);
  integer = (): string => this.#builder.add('integer', INTEGER_BODY);
  boolean = (): string => this.#builder.add('boolean', '"true" | "false"');

  object(): string {
    const space = this.space();
    const member = this.#builder.add('member', `${this.text()} ${space} ":" ${space} ${this.value()}`);
    return this.#builder.add('object', `"{" ${space} (${member} ("," ${space} ${member})*)? ${space} "}"`);
  }

  array(): string {
    const space = this.space();
    return this.#builder.add('array', `"[" ${space} (${this.value()} ("," ${space} ${this.value()})*)? ${space} "]"`);
  }

  /** Any JSON value. */
  value(): string {
    if (this.#value === undefined) {
      this.#value = this.#builder.reserve('value');
      this.#builder.define(
        this.#value,
        `${this.object()} | ${this.array()} | ${this.text()} | ${this.number()} | ${this.boolean()} | "null"`,
      );
    }
    return this.#value;
  }
}
