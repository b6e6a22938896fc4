/** The SDK of Tally: `connect` gives an object with a method for each call. */
export type {
  AggregateFunction,
  AggregateOptions,
  AggregateProgress,
  AggregateResult,
  ColumnAggregates,
  FileKind,
} from './aggregate.js';
export type { Admin, Backup, BackupOptions } from './backup.js';
export type { CallOptions, ChangeOptions } from './call-options.js';
export type { TlsOptions } from './channel.js';
export type { ColumnType } from './column-type.js';
export { type ConnectOptions, connect, type Tally } from './connect.js';
export type { CsvOptions } from './csv-options.js';
export type { ByteStream, CsvSource } from './csv-source.js';
export type { ExportOptions } from './export.js';
export type { ColSumAnswer, ColSumOptions, Frozen } from './frozen.js';
export type { Integer } from './integer.js';
export type {
  BatchOperation,
  BatchResult,
  Factorial,
  NumberChange,
  NumberEntry,
  NumberListOptions,
  NumberStats,
  Numbers,
} from './numbers.js';
export type { ListOptions } from './pages.js';
export type {
  Chunk,
  ChunkListOptions,
  TableColumn,
  TableColumnType,
  TableDescription,
  TableOptions,
  TableSummary,
  Tables,
} from './tables.js';
export { type FieldViolation, TallyError, type TallyErrorCode } from './tally-error.js';
export type { TokenSource } from './token.js';
export type {
  ChunkColumn,
  RejectedRow,
  UploadOptions,
  UploadProgress,
  UploadResult,
} from './upload.js';
