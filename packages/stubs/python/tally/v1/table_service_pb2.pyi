from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class UploadRequest(_message.Message):
    __slots__ = ("csv_data", "idempotency_key", "csv_bytes_total", "csv_bytes_total_follows")
    CSV_DATA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    CSV_BYTES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    CSV_BYTES_TOTAL_FOLLOWS_FIELD_NUMBER: _ClassVar[int]
    csv_data: bytes
    idempotency_key: str
    csv_bytes_total: int
    csv_bytes_total_follows: bool
    def __init__(self, csv_data: _Optional[bytes] = ..., idempotency_key: _Optional[str] = ..., csv_bytes_total: _Optional[int] = ..., csv_bytes_total_follows: bool = ...) -> None: ...

class UploadResponse(_message.Message):
    __slots__ = ("error", "rows", "csv_bytes")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CSV_BYTES_FIELD_NUMBER: _ClassVar[int]
    error: str
    rows: int
    csv_bytes: int
    def __init__(self, error: _Optional[str] = ..., rows: _Optional[int] = ..., csv_bytes: _Optional[int] = ...) -> None: ...
