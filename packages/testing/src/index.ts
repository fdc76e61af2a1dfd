export { writeBenchModel, writeTinyModel, type RandomModelOptions } from './tiny-model.ts';
