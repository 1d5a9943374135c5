"""How Schemathesis sends what it made up, as this module, which it loads by name, tells it: a batch as it is, and no
long wait for changes that will not come.
"""

from typing import Any

import schemathesis

from service.api.changes import LONGEST_WAIT


@schemathesis.serializer("application/x-ndjson")
def as_it_is(context: schemathesis.SerializationContext, value: Any) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else repr(value).encode()


@schemathesis.hook
def map_query(context: schemathesis.HookContext, query: Any) -> Any:
    """Return a query that waits for a second where it might wait for longer than Schemathesis has patience."""
    wait = str(query.get("wait", "")) if isinstance(query, dict) else ""
    return {**query, "wait": 1} if wait.isdecimal() and 1 < int(wait) <= LONGEST_WAIT else query
