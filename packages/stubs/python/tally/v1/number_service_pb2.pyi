from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetNumberRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class GetNumberResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class SetNumberRequest(_message.Message):
    __slots__ = ("key", "value", "idempotency_key")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: int
    idempotency_key: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class SetNumberResponse(_message.Message):
    __slots__ = ("total",)
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    total: int
    def __init__(self, total: _Optional[int] = ...) -> None: ...

class AddToNumberRequest(_message.Message):
    __slots__ = ("key", "delta", "idempotency_key")
    KEY_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    delta: int
    idempotency_key: str
    def __init__(self, key: _Optional[str] = ..., delta: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class AddToNumberResponse(_message.Message):
    __slots__ = ("value", "total")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    value: int
    total: int
    def __init__(self, value: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class DeleteNumberRequest(_message.Message):
    __slots__ = ("key", "idempotency_key")
    KEY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    idempotency_key: str
    def __init__(self, key: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteNumberResponse(_message.Message):
    __slots__ = ("value", "total")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    value: int
    total: int
    def __init__(self, value: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class ListNumbersRequest(_message.Message):
    __slots__ = ("prefix", "page_size", "page_token")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    page_size: int
    page_token: str
    def __init__(self, prefix: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListNumbersResponse(_message.Message):
    __slots__ = ("numbers", "next_page_token")
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    numbers: _containers.RepeatedCompositeFieldContainer[NumberEntry]
    next_page_token: str
    def __init__(self, numbers: _Optional[_Iterable[_Union[NumberEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class NumberEntry(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: int
    def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...

class BatchNumbersRequest(_message.Message):
    __slots__ = ("operations", "idempotency_key")
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[NumberOperation]
    idempotency_key: str
    def __init__(self, operations: _Optional[_Iterable[_Union[NumberOperation, _Mapping]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class NumberOperation(_message.Message):
    __slots__ = ("key", "set", "add", "delete", "get")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    key: str
    set: int
    add: int
    delete: bool
    get: bool
    def __init__(self, key: _Optional[str] = ..., set: _Optional[int] = ..., add: _Optional[int] = ..., delete: bool = ..., get: bool = ...) -> None: ...

class BatchNumbersResponse(_message.Message):
    __slots__ = ("values", "total")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[int]
    total: int
    def __init__(self, values: _Optional[_Iterable[int]] = ..., total: _Optional[int] = ...) -> None: ...

class ComputeFactorialRequest(_message.Message):
    __slots__ = ("n", "key")
    N_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    n: int
    key: str
    def __init__(self, n: _Optional[int] = ..., key: _Optional[str] = ...) -> None: ...

class ComputeFactorialResponse(_message.Message):
    __slots__ = ("factorial", "hit", "n")
    FACTORIAL_FIELD_NUMBER: _ClassVar[int]
    HIT_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    factorial: bytes
    hit: bool
    n: int
    def __init__(self, factorial: _Optional[bytes] = ..., hit: bool = ..., n: _Optional[int] = ...) -> None: ...

class GetNumberStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetNumberStatsResponse(_message.Message):
    __slots__ = ("count", "total", "factorial_cache", "factorial_latency")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    FACTORIAL_CACHE_FIELD_NUMBER: _ClassVar[int]
    FACTORIAL_LATENCY_FIELD_NUMBER: _ClassVar[int]
    count: int
    total: int
    factorial_cache: FactorialCacheStats
    factorial_latency: LatencyStats
    def __init__(self, count: _Optional[int] = ..., total: _Optional[int] = ..., factorial_cache: _Optional[_Union[FactorialCacheStats, _Mapping]] = ..., factorial_latency: _Optional[_Union[LatencyStats, _Mapping]] = ...) -> None: ...

class FactorialCacheStats(_message.Message):
    __slots__ = ("hits", "misses", "entries", "entries_max", "bytes")
    HITS_FIELD_NUMBER: _ClassVar[int]
    MISSES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_MAX_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    hits: int
    misses: int
    entries: int
    entries_max: int
    bytes: int
    def __init__(self, hits: _Optional[int] = ..., misses: _Optional[int] = ..., entries: _Optional[int] = ..., entries_max: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class LatencyStats(_message.Message):
    __slots__ = ("count", "p50_us", "p90_us", "p99_us", "max_us")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    P50_US_FIELD_NUMBER: _ClassVar[int]
    P90_US_FIELD_NUMBER: _ClassVar[int]
    P99_US_FIELD_NUMBER: _ClassVar[int]
    MAX_US_FIELD_NUMBER: _ClassVar[int]
    count: int
    p50_us: int
    p90_us: int
    p99_us: int
    max_us: int
    def __init__(self, count: _Optional[int] = ..., p50_us: _Optional[int] = ..., p90_us: _Optional[int] = ..., p99_us: _Optional[int] = ..., max_us: _Optional[int] = ...) -> None: ...
