from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Compression(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPRESSION_UNSPECIFIED: _ClassVar[Compression]
    COMPRESSION_GZIP: _ClassVar[Compression]

class BadRows(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BAD_ROWS_UNSPECIFIED: _ClassVar[BadRows]
    BAD_ROWS_SKIP: _ClassVar[BadRows]

class ColumnType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COLUMN_TYPE_UNSPECIFIED: _ClassVar[ColumnType]
    COLUMN_TYPE_INT64: _ClassVar[ColumnType]
    COLUMN_TYPE_DOUBLE: _ClassVar[ColumnType]
    COLUMN_TYPE_BOOLEAN: _ClassVar[ColumnType]
    COLUMN_TYPE_DATE: _ClassVar[ColumnType]
    COLUMN_TYPE_TIMESTAMP: _ClassVar[ColumnType]
    COLUMN_TYPE_STRING: _ClassVar[ColumnType]

class FileFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FILE_FORMAT_UNSPECIFIED: _ClassVar[FileFormat]
    FILE_FORMAT_CSV: _ClassVar[FileFormat]
    FILE_FORMAT_PARQUET: _ClassVar[FileFormat]

class AggregateFunction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGGREGATE_FUNCTION_UNSPECIFIED: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_COUNT: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_NULLS: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_SUM: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_MIN: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_MAX: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_MEAN: _ClassVar[AggregateFunction]
COMPRESSION_UNSPECIFIED: Compression
COMPRESSION_GZIP: Compression
BAD_ROWS_UNSPECIFIED: BadRows
BAD_ROWS_SKIP: BadRows
COLUMN_TYPE_UNSPECIFIED: ColumnType
COLUMN_TYPE_INT64: ColumnType
COLUMN_TYPE_DOUBLE: ColumnType
COLUMN_TYPE_BOOLEAN: ColumnType
COLUMN_TYPE_DATE: ColumnType
COLUMN_TYPE_TIMESTAMP: ColumnType
COLUMN_TYPE_STRING: ColumnType
FILE_FORMAT_UNSPECIFIED: FileFormat
FILE_FORMAT_CSV: FileFormat
FILE_FORMAT_PARQUET: FileFormat
AGGREGATE_FUNCTION_UNSPECIFIED: AggregateFunction
AGGREGATE_FUNCTION_COUNT: AggregateFunction
AGGREGATE_FUNCTION_NULLS: AggregateFunction
AGGREGATE_FUNCTION_SUM: AggregateFunction
AGGREGATE_FUNCTION_MIN: AggregateFunction
AGGREGATE_FUNCTION_MAX: AggregateFunction
AGGREGATE_FUNCTION_MEAN: AggregateFunction

class UploadRequest(_message.Message):
    __slots__ = ("csv_data", "idempotency_key", "csv_bytes_total", "csv_bytes_total_follows", "table", "csv_options")
    CSV_DATA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    CSV_BYTES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    CSV_BYTES_TOTAL_FOLLOWS_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    CSV_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    csv_data: bytes
    idempotency_key: str
    csv_bytes_total: int
    csv_bytes_total_follows: bool
    table: str
    csv_options: CsvOptions
    def __init__(self, csv_data: _Optional[bytes] = ..., idempotency_key: _Optional[str] = ..., csv_bytes_total: _Optional[int] = ..., csv_bytes_total_follows: bool = ..., table: _Optional[str] = ..., csv_options: _Optional[_Union[CsvOptions, _Mapping]] = ...) -> None: ...

class CsvOptions(_message.Message):
    __slots__ = ("delimiter", "quote", "no_header", "null_words", "compression", "types", "bad_rows", "rejected_rows_max")
    class TypesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ColumnType
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ColumnType, str]] = ...) -> None: ...
    DELIMITER_FIELD_NUMBER: _ClassVar[int]
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    NO_HEADER_FIELD_NUMBER: _ClassVar[int]
    NULL_WORDS_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    BAD_ROWS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROWS_MAX_FIELD_NUMBER: _ClassVar[int]
    delimiter: str
    quote: str
    no_header: bool
    null_words: _containers.RepeatedScalarFieldContainer[str]
    compression: Compression
    types: _containers.ScalarMap[str, ColumnType]
    bad_rows: BadRows
    rejected_rows_max: int
    def __init__(self, delimiter: _Optional[str] = ..., quote: _Optional[str] = ..., no_header: bool = ..., null_words: _Optional[_Iterable[str]] = ..., compression: _Optional[_Union[Compression, str]] = ..., types: _Optional[_Mapping[str, ColumnType]] = ..., bad_rows: _Optional[_Union[BadRows, str]] = ..., rejected_rows_max: _Optional[int] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("name", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: ColumnType
    def __init__(self, name: _Optional[str] = ..., type: _Optional[_Union[ColumnType, str]] = ...) -> None: ...

class RejectedRow(_message.Message):
    __slots__ = ("line", "reason")
    LINE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    line: int
    reason: str
    def __init__(self, line: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class UploadResponse(_message.Message):
    __slots__ = ("error", "rows", "csv_bytes", "chunk_id", "columns", "parquet_bytes", "rejected_row_count", "rejected_rows")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CSV_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_ID_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    PARQUET_BYTES_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROWS_FIELD_NUMBER: _ClassVar[int]
    error: str
    rows: int
    csv_bytes: int
    chunk_id: str
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    parquet_bytes: int
    rejected_row_count: int
    rejected_rows: _containers.RepeatedCompositeFieldContainer[RejectedRow]
    def __init__(self, error: _Optional[str] = ..., rows: _Optional[int] = ..., csv_bytes: _Optional[int] = ..., chunk_id: _Optional[str] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., parquet_bytes: _Optional[int] = ..., rejected_row_count: _Optional[int] = ..., rejected_rows: _Optional[_Iterable[_Union[RejectedRow, _Mapping]]] = ...) -> None: ...

class CreateTableRequest(_message.Message):
    __slots__ = ("table",)
    TABLE_FIELD_NUMBER: _ClassVar[int]
    table: str
    def __init__(self, table: _Optional[str] = ...) -> None: ...

class CreateTableResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTablesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTablesResponse(_message.Message):
    __slots__ = ("tables", "next_page_token")
    TABLES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tables: _containers.RepeatedCompositeFieldContainer[TableSummary]
    next_page_token: str
    def __init__(self, tables: _Optional[_Iterable[_Union[TableSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class TableSummary(_message.Message):
    __slots__ = ("table", "version", "rows", "chunks", "csv_bytes", "parquet_bytes")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    CSV_BYTES_FIELD_NUMBER: _ClassVar[int]
    PARQUET_BYTES_FIELD_NUMBER: _ClassVar[int]
    table: str
    version: int
    rows: int
    chunks: int
    csv_bytes: int
    parquet_bytes: int
    def __init__(self, table: _Optional[str] = ..., version: _Optional[int] = ..., rows: _Optional[int] = ..., chunks: _Optional[int] = ..., csv_bytes: _Optional[int] = ..., parquet_bytes: _Optional[int] = ...) -> None: ...

class DescribeTableRequest(_message.Message):
    __slots__ = ("table",)
    TABLE_FIELD_NUMBER: _ClassVar[int]
    table: str
    def __init__(self, table: _Optional[str] = ...) -> None: ...

class DescribeTableResponse(_message.Message):
    __slots__ = ("summary", "columns", "delta_path")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    DELTA_PATH_FIELD_NUMBER: _ClassVar[int]
    summary: TableSummary
    columns: _containers.RepeatedCompositeFieldContainer[TableColumn]
    delta_path: str
    def __init__(self, summary: _Optional[_Union[TableSummary, _Mapping]] = ..., columns: _Optional[_Iterable[_Union[TableColumn, _Mapping]]] = ..., delta_path: _Optional[str] = ...) -> None: ...

class TableColumn(_message.Message):
    __slots__ = ("name", "types")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    name: str
    types: _containers.RepeatedCompositeFieldContainer[TableColumnType]
    def __init__(self, name: _Optional[str] = ..., types: _Optional[_Iterable[_Union[TableColumnType, _Mapping]]] = ...) -> None: ...

class TableColumnType(_message.Message):
    __slots__ = ("type", "delta_column")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DELTA_COLUMN_FIELD_NUMBER: _ClassVar[int]
    type: ColumnType
    delta_column: str
    def __init__(self, type: _Optional[_Union[ColumnType, str]] = ..., delta_column: _Optional[str] = ...) -> None: ...

class DropTableRequest(_message.Message):
    __slots__ = ("table",)
    TABLE_FIELD_NUMBER: _ClassVar[int]
    table: str
    def __init__(self, table: _Optional[str] = ...) -> None: ...

class DropTableResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListChunksRequest(_message.Message):
    __slots__ = ("table", "page_size", "page_token")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    table: str
    page_size: int
    page_token: str
    def __init__(self, table: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListChunksResponse(_message.Message):
    __slots__ = ("chunks", "next_page_token")
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    chunks: _containers.RepeatedCompositeFieldContainer[Chunk]
    next_page_token: str
    def __init__(self, chunks: _Optional[_Iterable[_Union[Chunk, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("chunk_id", "number", "rows", "csv_bytes", "parquet_bytes", "version")
    CHUNK_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CSV_BYTES_FIELD_NUMBER: _ClassVar[int]
    PARQUET_BYTES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    chunk_id: str
    number: int
    rows: int
    csv_bytes: int
    parquet_bytes: int
    version: int
    def __init__(self, chunk_id: _Optional[str] = ..., number: _Optional[int] = ..., rows: _Optional[int] = ..., csv_bytes: _Optional[int] = ..., parquet_bytes: _Optional[int] = ..., version: _Optional[int] = ...) -> None: ...

class DeleteChunkRequest(_message.Message):
    __slots__ = ("table", "chunk_id")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_ID_FIELD_NUMBER: _ClassVar[int]
    table: str
    chunk_id: str
    def __init__(self, table: _Optional[str] = ..., chunk_id: _Optional[str] = ...) -> None: ...

class DeleteChunkResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class AggregateRequest(_message.Message):
    __slots__ = ("table", "columns", "functions", "format", "version")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    table: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    functions: _containers.RepeatedScalarFieldContainer[AggregateFunction]
    format: FileFormat
    version: int
    def __init__(self, table: _Optional[str] = ..., columns: _Optional[_Iterable[str]] = ..., functions: _Optional[_Iterable[_Union[AggregateFunction, str]]] = ..., format: _Optional[_Union[FileFormat, str]] = ..., version: _Optional[int] = ...) -> None: ...

class AggregateResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    result: AggregateResult
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., result: _Optional[_Union[AggregateResult, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("chunks_done", "chunks", "bytes_read")
    CHUNKS_DONE_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    BYTES_READ_FIELD_NUMBER: _ClassVar[int]
    chunks_done: int
    chunks: int
    bytes_read: int
    def __init__(self, chunks_done: _Optional[int] = ..., chunks: _Optional[int] = ..., bytes_read: _Optional[int] = ...) -> None: ...

class AggregateResult(_message.Message):
    __slots__ = ("version", "columns")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    version: int
    columns: _containers.RepeatedCompositeFieldContainer[ColumnAggregates]
    def __init__(self, version: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[ColumnAggregates, _Mapping]]] = ...) -> None: ...

class ColumnAggregates(_message.Message):
    __slots__ = ("column", "count", "nulls", "sum", "min", "max", "mean")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    NULLS_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    column: str
    count: int
    nulls: int
    sum: NumericValue
    min: NumericValue
    max: NumericValue
    mean: float
    def __init__(self, column: _Optional[str] = ..., count: _Optional[int] = ..., nulls: _Optional[int] = ..., sum: _Optional[_Union[NumericValue, _Mapping]] = ..., min: _Optional[_Union[NumericValue, _Mapping]] = ..., max: _Optional[_Union[NumericValue, _Mapping]] = ..., mean: _Optional[float] = ...) -> None: ...

class NumericValue(_message.Message):
    __slots__ = ("int64_value", "decimal_value", "double_value")
    INT64_VALUE_FIELD_NUMBER: _ClassVar[int]
    DECIMAL_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    int64_value: int
    decimal_value: str
    double_value: float
    def __init__(self, int64_value: _Optional[int] = ..., decimal_value: _Optional[str] = ..., double_value: _Optional[float] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("table", "columns", "version")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    table: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    version: int
    def __init__(self, table: _Optional[str] = ..., columns: _Optional[_Iterable[str]] = ..., version: _Optional[int] = ...) -> None: ...

class ExportResponse(_message.Message):
    __slots__ = ("arrow_ipc",)
    ARROW_IPC_FIELD_NUMBER: _ClassVar[int]
    arrow_ipc: bytes
    def __init__(self, arrow_ipc: _Optional[bytes] = ...) -> None: ...
