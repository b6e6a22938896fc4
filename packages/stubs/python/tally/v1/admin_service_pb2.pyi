from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BackupRequest(_message.Message):
    __slots__ = ("wanted",)
    WANTED_FIELD_NUMBER: _ClassVar[int]
    wanted: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, wanted: _Optional[_Iterable[int]] = ...) -> None: ...

class BackupResponse(_message.Message):
    __slots__ = ("summary", "batch", "data")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    summary: BackupSummary
    batch: BackupBatch
    data: bytes
    def __init__(self, summary: _Optional[_Union[BackupSummary, _Mapping]] = ..., batch: _Optional[_Union[BackupBatch, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class BackupSummary(_message.Message):
    __slots__ = ("taken_ms", "files", "bytes", "tables", "numbers")
    TAKEN_MS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    taken_ms: int
    files: int
    bytes: int
    tables: _containers.RepeatedCompositeFieldContainer[BackedUpTable]
    numbers: int
    def __init__(self, taken_ms: _Optional[int] = ..., files: _Optional[int] = ..., bytes: _Optional[int] = ..., tables: _Optional[_Iterable[_Union[BackedUpTable, _Mapping]]] = ..., numbers: _Optional[int] = ...) -> None: ...

class BackedUpTable(_message.Message):
    __slots__ = ("table", "version", "chunks", "rows")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    table: str
    version: int
    chunks: int
    rows: int
    def __init__(self, table: _Optional[str] = ..., version: _Optional[int] = ..., chunks: _Optional[int] = ..., rows: _Optional[int] = ...) -> None: ...

class BackupBatch(_message.Message):
    __slots__ = ("files",)
    FILES_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[BackedUpFile]
    def __init__(self, files: _Optional[_Iterable[_Union[BackedUpFile, _Mapping]]] = ...) -> None: ...

class BackedUpFile(_message.Message):
    __slots__ = ("path", "size", "crc32c", "is_immutable")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    IS_IMMUTABLE_FIELD_NUMBER: _ClassVar[int]
    path: str
    size: int
    crc32c: int
    is_immutable: bool
    def __init__(self, path: _Optional[str] = ..., size: _Optional[int] = ..., crc32c: _Optional[int] = ..., is_immutable: bool = ...) -> None: ...
