export { NoSuchModelError, NotOwnModelError } from './errors.ts';
export { createLibrary, type Library, type LibraryOptions } from './library/library.ts';
export type { BrokenFile, LibraryEntry, LibraryModel } from './library/library-entry.ts';
export { fileStem, namesOfFile, type ModelNames } from './library/model-naming.ts';
export { modelPlaces, PLACE_LABELS, type ModelPlace, type PlaceKind, type PlaceOptions } from './library/places.ts';
export { manifestSchema } from './library/model-facts.ts';
export { removeModel } from './library/remove-model.ts';
export { looksLikePath } from './library/resolve-name.ts';
