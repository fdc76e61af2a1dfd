import { BareEngine, type BareRow } from './harness/bare-engine.ts';
import { benchModelPath, randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { interleave } from './harness/interleave.ts';
import { jointSpeed, openLocalRing } from './harness/local-ring.ts';
import { ratios } from './harness/statistics.ts';

const STREAMS = 8;
const TOKENS = 24;
const PROMPT_TOKENS = 16;
const THREADS = 1;

export default defineBench({
  title: '8 streams together against bare batches of 8',
  rounds: 10,
  async run(context) {
    const bare = new BareEngine(await benchModelPath(), { threads: THREADS, cells: 4096, sequences: STREAMS, maxRows: 512 });
    const ring = await openLocalRing({ stages: 1, threadsPerStage: THREADS, parallelSequences: STREAMS, contextCells: 4096 });
    let seed = 0;
    try {
      const speeds = await interleave(context, {
        conductor: async () => {
          const each = await Promise.all(
            Array.from({ length: STREAMS }, () => ring.generate(randomPrompt(PROMPT_TOKENS, (seed += 1)), TOKENS + 1)),
          );
          return jointSpeed(each);
        },
        bare: () => {
          bare.clear();
          const rows: BareRow[] = Array.from({ length: STREAMS }, (_, slot) => ({
            slot,
            position: PROMPT_TOKENS,
            token: bare.prefill(randomPrompt(PROMPT_TOKENS, (seed += 1)), 512, slot),
          }));
          const outputs = rows.map((_, index) => index);
          const started = performance.now();
          for (let index = 0; index < TOKENS; index += 1) {
            bare.decode(rows, outputs);
            for (const [place, row] of rows.entries())
              rows[place] = { slot: row.slot, position: row.position + 1, token: bare.likeliest(place) };
          }
          return (STREAMS * TOKENS * 1000) / (performance.now() - started);
        },
      });
      return [
        { name: `decode, bare batch of ${STREAMS}`, unit: 'tokens/s', samples: speeds.bare },
        {
          name: `decode, ${STREAMS} streams / bare batch of ${STREAMS}`,
          unit: 'x',
          samples: ratios(speeds.conductor, speeds.bare),
          target: { atLeast: 0.95 },
        },
      ];
    } finally {
      await ring[Symbol.asyncDispose]();
      bare[Symbol.dispose]();
    }
  },
});
