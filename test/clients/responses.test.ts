import { describeResponsesClient } from './responses-suite.ts';
import { demo, SCRIPTED } from './support/targets.ts';

for (const suite of [SCRIPTED, demo(1), demo(3)]) describeResponsesClient(suite);
