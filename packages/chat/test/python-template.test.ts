import { describe, expect, it } from 'vitest';
import { CompiledTemplate } from '../src/template/compiled-template.ts';

const clock = { nowMs: () => 0, wallMs: () => new Date(2026, 0, 5, 15, 4, 9).getTime() };

/** The texts are what Python's Jinja (as Transformers sets it up) renders. */
const CASES: [template: string, rendered: string, variables?: Record<string, unknown>][] = [
  ['{{ true }} {{ none }} {{ 1.0 }} {{ ["a", 1, {"k": none}] }}', "True None 1.0 ['a', 1, {'k': None}]"],
  ['{{ "it\'s" }} {{ ["it\'s"] }}', 'it\'s ["it\'s"]'],
  ['{{ value | string }}|{{ value | tojson }}', '{\'a\': [1, True]}|{"a": [1, true]}', { value: { a: [1, true] } }],
  ['{{ "  a\\n".strip() }}|{{ "xxaxx".strip("x") }}|{{ "a\\n\\n ".rstrip("\\n ") }}|{{ "\\n\\nb".lstrip("\\n") }}', 'a|a|a|b'],
  ['{{ "a-b-c".split("-")[-1] }}{{ "a-b-c".rsplit("-", 1)[0] }}{{ "k=v".partition("=")[2] }}', 'ca-bv'],
  ['{{ "%s is %d" | format("x", 3) }} {{ "%s!" % "y" }} {{ "{} {b}".format(1, b=2) }}', 'x is 3 y! 1 2'],
  ['{{ [1, 2] == [1, 2] }} {{ none == undefined_thing }} {{ "1" == 1 }} {{ {"a": 1} == {"a": 1.0} }}', 'True False False True'],
  ['{{ ["a"] in [["a"], "b"] }} {{ "a" in {"a": 1} }} {{ "x" not in "abc" }}', 'True True True'],
  ['{% for x in missing %}x{% else %}none{% endfor %}{% for c in "ab" %}[{{ c }}]{% endfor %}', 'none[a][b]'],
  ['{% for k, v in [("a", 1), ("b", 2)] %}{{ k }}{{ v }}{% endfor %}', 'a1b2'],
  ['{{ missing | length }}{{ missing | default("d") }}{{ missing | list }}', '0d[]'],
  ['{{ ["b", "a"] | map("upper") | join(",") }} {{ [3, 1] | max }}{{ [3, 1] | min }} {{ [1, 2] | sum }}', 'B,A 31 3'],
  ['{{ [0, "", "x"] | select | list }} {{ [1, none] | reject("none") | list }}', "['x'] [1]"],
  ['{% set ns = namespace(items=[]) %}{% set _ = ns.items.append("x") %}{{ ns.items | length }}', '1'],
  ['{{ dict(a=1)["a"] }} {{ {1: "one"}[1] }} {{ "ab" * 2 }}', '1 one abab'],
  ['{{ "<a & b>" | e }}', '&lt;a &amp; b&gt;'],
  ['{{ strftime_now("%d %b %Y %H:%M:%S %A %j %-d") }}', '05 Jan 2026 15:04:09 Monday 005 5'],
  ['{{ strftime_now("%B %d, %Y %I %p %%") }}', 'January 05, 2026 03 PM %'],
];

describe('templates as Python renders them', () => {
  it.each(CASES)('%s', (template, rendered, variables = {}) => {
    expect(new CompiledTemplate(template, clock).render(variables)).toBe(rendered);
  });

  it('raises where Python raises, so that other shapes of the variables are tried', () => {
    expect(() => new CompiledTemplate('{{ "a" + value }}', clock).render({ value: { a: 1 } })).toThrow(
      expect.objectContaining({ name: 'TemplateError' }),
    );
  });
});
