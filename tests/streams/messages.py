"""Messages as text, for the laws of decoders: good ones, and all that parsers like to disagree about."""

import json

from hypothesis import strategies as st

from driftline.streams import events

LITERALS = [
    *("null", "true", "false", "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-400", "-1e-400", "-0", "-0.0"),
    *("0", "1", "1.0", "1e0", "01", "+1", ".5", "1.", "0x1", "9007199254740993", "9223372036854775807"),
    *("18446744073709551615", "18446744073709551616", "1" * 400, "1" * 5000, "0." + "1" * 400, "99999999999.99999"),
    *("1e11", "1E+5", "2.2250738585072011e-308", "5e-324", '""', '"a"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"'),
    *(
        '"\\ud83d\\ude00"',
        '"\\q"',
        '"a\tb"',
        "[]",
        "[1]",
        "[true]",
        "{}",
        '{"a":1}',
        '{"a":true}',
        '{"a":true,"a":false}',
    ),
    *(
        '{"a":true,"a":false}',
        '{"":true}',
        '{"a":null}',
        "[" * 150 + "]" * 150,
        "[" * 1500 + "]" * 1500,
        '{"a":' * 300 + "1" + "}" * 300,
    ),
]
"""Values that parsers like to disagree about."""
RAW = [literal.encode() for literal in LITERALS] + [b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"']

text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
edges = st.sampled_from(["é", "😀", "a", "e\u0301", "\x00"])
name = st.one_of(text, st.builds(lambda c, n: (c * n)[:n], edges, st.sampled_from([255, 256])))
finite = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**70), 2**70))
seconds = st.one_of(
    st.floats(0, events.MAX_SECONDS, exclude_max=True), st.integers(0, int(events.MAX_SECONDS) - 1), st.just(-0.0)
)
share = st.one_of(st.floats(0, 1), st.integers(0, 1), st.just(-0.0))
distance = st.one_of(st.floats(0, allow_infinity=False), st.integers(0, 2**70))
count = st.one_of(st.integers(0, 2**63 - 1), st.sampled_from([0, 2**31, 2**53 + 1, 2**63 - 1]))
values = st.lists(finite, min_size=1, max_size=4)
label_set = st.dictionaries(name, st.booleans(), max_size=4)
label = st.one_of(st.booleans(), finite, text, label_set)
numbers = st.dictionaries(name, finite, min_size=1, max_size=5)

mixed = st.dictionaries(name, st.one_of(finite, text), max_size=5)
shares = st.dictionaries(name, finite, max_size=3)
answer = st.one_of(st.none(), label, st.lists(finite, max_size=4))
FIELDS = {
    events.TrafficEvent: {"id": name, "at": seconds, "cell": name, "x": numbers},
    events.SensorEvent: {"id": name, "at": seconds, "sensor": name, "x": numbers},
    events.ClickEvent: {
        "id": name,
        "at": seconds,
        "user": name,
        "item": name,
        "x": mixed,
    },
    events.LabelEvent: {"of": name, "at": seconds, "y": label},
    events.Prediction: {
        "id": name,
        "model": name,
        "of": name,
        "key": name,
        "at": seconds,
        "y": answer,
        "seen": st.dictionaries(text, count, max_size=3),
        "gen": count,
        "version": name,
        "p": st.one_of(st.none(), finite, shares),
        "confidence": st.one_of(st.none(), share),
        "distance": st.one_of(st.none(), distance),
        "novelty": st.one_of(st.none(), share),
        "fallback": st.sampled_from([None, "late", "failed", "cold"]),
        "history": st.one_of(st.none(), count),
        "first": st.one_of(st.none(), values),
        "low": st.one_of(st.none(), values),
        "high": st.one_of(st.none(), values),
        "weights": st.one_of(st.none(), shares),
        "feedback": st.one_of(st.none(), text),
    },
    events.Voice: {"voice": name, "model": name, "origin": count, "at": seconds, "y": values},
    events.Question: {
        "id": name,
        "model": name,
        "of": name,
        "key": name,
        "at": seconds,
        "origin": count,
        "steps": st.integers(1, 10_000),
        "season": count,
        "history": st.lists(st.one_of(st.none(), finite), max_size=4),
        "first": values,
        "feedback": st.dictionaries(name, text, max_size=2),
    },
    events.Request: {
        "of": name,
        "offset": count,
        "at": seconds,
        "key": name,
        "x": mixed,
        "y": st.dictionaries(name, answer, max_size=2),
        "p": st.dictionaries(name, st.one_of(finite, shares), max_size=2),
        "gen": count,
    },
    events.Joined: {
        "n": count,
        "of": name,
        "at": seconds,
        "known": seconds,
        "key": name,
        "x": mixed,
        "y": label,
        "ys": st.dictionaries(name, answer, max_size=2),
        "ps": st.dictionaries(name, st.one_of(finite, shares), max_size=2),
        "corrects": st.booleans(),
    },
    events.Fence: {"fence": count},
    events.Alarm: {
        "id": name,
        "kind": st.sampled_from(["drift", "model", "promotion"]),
        "stream": name,
        "partition": count,
        "model": name,
        "at": seconds,
        "detector": name,
        "before": finite,
        "after": finite,
        "count": count,
        "action": name,
        "text": text,
        "who": st.one_of(st.none(), name),
        "others": st.one_of(st.none(), st.lists(name, max_size=3)),
        "key": st.one_of(st.none(), name),
        "signal": st.sampled_from([None, "loss", "score", "distance", "mass"]),
        "size": st.one_of(st.none(), finite),
        "confidence": st.one_of(st.none(), st.floats(0.0, 1.0)),
        "count_before": st.one_of(st.none(), count),
        "count_after": st.one_of(st.none(), count),
    },
}
"""Valid values of the fields of each message."""
OPTIONAL = {
    *("confidence", "distance", "novelty", "fallback", "corrects"),
    *("first", "low", "high", "weights", "feedback"),
    *("text", "who", "others", "signal", "size", "count_before", "count_after"),
}
"""Fields that may be left out; a click's `x` as well."""


def messages(model: type[events.Message]) -> st.SearchStrategy[dict]:
    """Valid messages of a class."""
    fields = FIELDS[model]
    own = {events.ClickEvent: {"x"}, events.Alarm: {"key"}, events.Prediction: {"p", "history"}}.get(model, set())
    optional = {f for f in fields if f in OPTIONAL | own} if model is not events.Question else set()
    return st.fixed_dictionaries(
        {f: s for f, s in fields.items() if f not in optional}, optional={f: fields[f] for f in optional}
    )


def written(message: dict, *, ascii_only: bool, indent: int | None) -> bytes:
    return json.dumps(message, ensure_ascii=ascii_only, indent=indent).encode()


def valid(model: type[events.Message]) -> st.SearchStrategy[bytes]:
    """Valid messages as text, in ASCII or UTF-8, close or spread out."""
    return st.builds(
        lambda message, ascii_only, indent: written(message, ascii_only=ascii_only, indent=indent),
        messages(model),
        st.booleans(),
        st.sampled_from([None, 0, 2]),
    )


@st.composite
def members(draw, model: type[events.Message]) -> bytes:
    """An object whose members were tampered with: a value replaced, a member doubled, dropped, renamed or added."""
    message = draw(messages(model))
    pairs = [(json.dumps(k).encode(), json.dumps(v, ensure_ascii=False).encode()) for k, v in message.items()]
    value = st.one_of(st.sampled_from(RAW), st.sampled_from(pairs).map(lambda pair: pair[1]))
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, max(0, len(pairs) - 1)))
        deed = draw(st.sampled_from(["replace", "replace", "nest", "double", "drop", "rename", "add", "swap"]))
        if not pairs or deed == "add":
            pairs.insert(at, (draw(st.sampled_from([b'"z"', b'""', b'"\\u0061t"', b'"At"', b'"id "'])), draw(value)))
        elif deed == "replace":
            pairs[at] = pairs[at][0], draw(value)
        elif deed == "nest":
            inner = draw(st.sampled_from([b'{"k":%b}', b"[%b]", b'{"k":1,"k":%b}', b'{"k":%b,"l":2,"k":3}']))
            pairs[at] = pairs[at][0], inner.replace(b"%b", draw(value))
        elif deed == "double":
            pairs.insert(draw(st.integers(0, len(pairs))), (pairs[at][0], draw(value)))
        elif deed == "drop":
            del pairs[at]
        elif deed == "rename":
            pairs[at] = draw(value), pairs[at][1]
        else:
            pairs.reverse()
    return b"{" + b",".join(key + b":" + said for key, said in pairs) + b"}"


@st.composite
def damaged(draw, model: type[events.Message]) -> bytes:
    """The text of a valid message with bytes cut, put in or changed."""
    said = draw(valid(model))
    at = draw(st.integers(0, len(said)))
    end = draw(st.integers(at, min(len(said), at + 3)))
    put = draw(
        st.one_of(
            st.just(b""),
            st.binary(min_size=1, max_size=2),
            st.sampled_from(
                [b",", b"}", b"{", b'"', b"\\", b"\x00", b"\xef\xbb\xbf", b" ", b"\n", b"1", b"-", b"e9", b"/**/"]
            ),
        )
    )
    return said[:at] + put + said[end:]


def around(model: type[events.Message]) -> st.SearchStrategy[bytes]:
    """A valid message with something before or behind it."""
    junk = st.sampled_from([b"", b" ", b"\n\t\r ", b"\xef\xbb\xbf", b"\x00", b"x", b"{}", b",", b"\x0c", b"null"])
    return st.builds(lambda before, said, behind: before + said + behind, junk, valid(model), junk)


rubbish = st.one_of(st.binary(max_size=30), st.sampled_from(RAW), st.just(b""), st.just(b"[" * 100_000))


def texts(model: type[events.Message]) -> st.SearchStrategy[bytes]:
    """All of them."""
    return st.one_of(valid(model), members(model), members(model), damaged(model), around(model), rubbish)
