#!/usr/bin/env node
// Runs on any Node that knows ES modules, so that an old one gets a sentence instead of a syntax error: keep the syntax plain.
import { existsSync } from 'fs';
import v8 from 'v8';

var NEEDED = [22, 19];
var version = process.versions.node.split('.').map(Number);

if (version[0] < NEEDED[0] || (version[0] === NEEDED[0] && version[1] < NEEDED[1])) {
  process.stderr.write(
    'pippa-agent needs Node.js ' +
      NEEDED.join('.') +
      ' or newer; this is ' +
      process.versions.node +
      '.\n' +
      'Install a newer one from https://nodejs.org, or run it once with:  npx -p node@22 -p pippa-agent pippa-agent\n',
  );
  process.exitCode = 1;
} else {
  // Node 22 warns of its SQLite when it is loaded: nobody who runs the agent can do anything about that.
  var emitWarning = process.emitWarning;
  process.emitWarning = function (warning, type) {
    if (type === 'ExperimentalWarning' && String(warning).startsWith('SQLite')) return;
    emitWarning.apply(process, arguments);
  };
  // Loading the modules makes garbage for a second, and V8 would keep 30 MB of new space for it from then on. `serve` lets it grow again
  // once the agent has started.
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  // The repository runs from source; the published package holds the bundle alone.
  var source = new URL('../src/main.ts', import.meta.url);
  var bundle = new URL('../dist/main.js', import.meta.url);
  void import(existsSync(source) ? source.href : bundle.href);
}
