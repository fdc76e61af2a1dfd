export { createServedModel, type ServedModelParts } from './served-model.ts';
export { UnsupportedSchemaError } from './errors.ts';
