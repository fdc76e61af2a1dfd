export { NoSuchModelError, NotOwnModelError } from './errors.ts';
export { createLibrary, type Library, type LibraryOptions } from './library/library.ts';
export type { BrokenFile, LibraryEntry, LibraryModel } from './library/library-entry.ts';
export { fileStem, namesOfFile, type ModelNames } from './library/model-naming.ts';
export { modelPlaces, PLACE_LABELS, type ModelPlace, type PlaceKind, type PlaceOptions } from './library/places.ts';
export { removeModel } from './library/remove-model.ts';
export { findByName, looksLikePath } from './library/resolve-name.ts';
export { ModelNotHereError, OtherCopyError, WrongModelError, WrongPieceError } from './errors.ts';
export { createModelStore } from './store/disk-model-store.ts';
export { freeDiskBytes } from './store/free-disk-bytes.ts';
export type {
  ModelStore,
  ModelStoreOptions,
  ObtainOptions,
  ObtainProgress,
  OriginOptions,
  ShardArrival,
  ShardRequest,
} from './store/model-store.ts';
export { PieceFile, type PieceFileOptions } from './pieces/piece-file.ts';
export { PieceMap, pieceBytesFor, type PiecePlace } from './pieces/piece-map.ts';
export { PieceSet } from './pieces/piece-set.ts';
export { headerPieces, isPiece, mapOf, tableDigest, type PieceTable } from './pieces/piece-table.ts';
export { buildPieceTable } from './pieces/build-table.ts';
export { piecesForShard } from './pieces/pieces-for-shard.ts';
export {
  AlreadyPullingError,
  BadReferenceError,
  DownloadFailedError,
  GatedModelError,
  NotEnoughDiskError,
  NotOnHubError,
  WrongHashError,
} from './errors.ts';
export { parsePullReference, type PullReference } from './pull/pull-reference.ts';
export { planBytes, type PlannedFile, type PullPlan } from './pull/pull-plan.ts';
export { planPull, pullModel, type PulledModel, type PullOptions, type PullProgress } from './pull/pull-model.ts';
export { explainProjector, explainPull, isAddress, isRemoteReference } from './pull/explain-pull.ts';
