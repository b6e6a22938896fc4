from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class UploadReq(_message.Message):
    __slots__ = ("csv_data",)
    CSV_DATA_FIELD_NUMBER: _ClassVar[int]
    csv_data: bytes
    def __init__(self, csv_data: _Optional[bytes] = ...) -> None: ...

class UploadResp(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: str
    def __init__(self, error: _Optional[str] = ...) -> None: ...

class ColSumReq(_message.Message):
    __slots__ = ("column", "format")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    column: str
    format: str
    def __init__(self, column: _Optional[str] = ..., format: _Optional[str] = ...) -> None: ...

class ColSumResp(_message.Message):
    __slots__ = ("total", "error")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    total: int
    error: str
    def __init__(self, total: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...
