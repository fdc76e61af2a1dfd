/** Upper bounds of histogram buckets, chosen so that what people ask ("is the first token under 300 ms?") falls on a border. */

/** Seconds until something begins: warm first tokens are tens of milliseconds, cold long prompts minutes. */
export const WAIT_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 120];
/** Seconds between tokens: 200 t/s to 1 t/s. 66 ms is the 15 t/s of the interactive lane, 125 ms its warning at 8. */
export const TOKEN_SECONDS = [0.005, 0.01, 0.02, 0.033, 0.05, 0.066, 0.1, 0.125, 0.2, 0.5, 1, 2, 5];
export const REQUEST_SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
export const DECODE_RATES = [1, 2, 4, 8, 15, 25, 40, 60, 100, 150, 250, 500];
export const PREFILL_RATES = [10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];
/** Seconds of one step in one stage or on one hop. */
export const STEP_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
