"""MessagePack as the tests need it: an encoder that is not the library under test.

https://github.com/msgpack/msgpack/blob/master/spec.md"""
import struct


def pack(value):
    return b"".join(_parts(value))


def _parts(value):
    if value is None:
        yield b"\xc0"
    elif isinstance(value, bool):
        yield b"\xc3" if value else b"\xc2"
    elif isinstance(value, int):
        yield _int(value)
    elif isinstance(value, float):
        yield b"\xcb" + struct.pack(">d", value)
    elif isinstance(value, str):
        data = value.encode()
        yield _head(len(data), (0xa0, 31), (0xd9, 0xda, 0xdb)) + data
    elif isinstance(value, bytes):
        yield _head(len(value), None, (0xc4, 0xc5, 0xc6)) + value
    elif isinstance(value, dict):
        yield _head(len(value), (0x80, 15), (None, 0xde, 0xdf))
        for key, item in value.items():
            yield from _parts(key)
            yield from _parts(item)
    else:
        yield _head(len(value), (0x90, 15), (None, 0xdc, 0xdd))
        for item in value:
            yield from _parts(item)


def _head(count, fixed, wide):
    if fixed and count <= fixed[1]:
        return bytes([fixed[0] | count])
    for code, letter, most in zip(wide, "BHI", (0xff, 0xffff, 0xffffffff)):
        if code is not None and count <= most:
            return bytes([code]) + struct.pack(">" + letter, count)
    raise ValueError("too long")


def _int(value):
    if -32 <= value < 128:
        return struct.pack("b" if value < 0 else "B", value)
    for code, letter in ((0xcc, "B"), (0xcd, "H"), (0xce, "I"), (0xcf, "Q")) if value >= 0 else (
            (0xd0, "b"), (0xd1, "h"), (0xd2, "i"), (0xd3, "q")):
        try:
            return bytes([code]) + struct.pack(">" + letter, value)
        except struct.error:
            continue
    raise ValueError("too large")
