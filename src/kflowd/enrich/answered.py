# SPDX-License-Identifier: Apache-2.0
"""What NSS has answered, for as long as that is taken for true. Time is that of the stream."""

from typing import NamedTuple

from kflowd.constants import SECOND_NS
from kflowd.enrich.nss import AskedName, Named
from kflowd.enrich.shares import Shares

# A name is asked for again behind the records' back, and is true as long as no answer says else,
# but not for ever: who answers may be gone.
NAMED_AGAIN_NS, NAMED_NS = 300 * SECOND_NS, 900 * SECOND_NS
# Nobody has named the number: the administrator may do so now, or what was asked had a fault.
UNNAMED_AGAIN_NS, UNNAMED_NS = 60 * SECOND_NS, 120 * SECOND_NS
# There was no answer in time: records wait no longer for one.
LATE_AGAIN_NS, LATE_NS = 10 * SECOND_NS, 60 * SECOND_NS
# Names, each some 300 bytes: as many as a directory has, which nobody else can fill.
MAX_NAMED = 16384
# Numbers without a name. Others choose which occur, so these are a table of their own.
MAX_UNNAMED = 8192


class Known(NamedTuple):
    """What is known of a number.

    Attributes:
        name: "" if it has none.
        again_ns: From then on it is asked for again.
        until_ns: From then on it is not known any more.
        late: That it has none is not known: there was no answer in time.
    """

    name: str
    again_ns: int
    until_ns: int
    late: bool = False


class Answered:
    """A bounded table of answers; of the names the one goes that was not used for longest.

    Attributes:
        now_ns: CLOCK_BOOTTIME of the stream.
    """

    def __init__(self, most_named: int = MAX_NAMED, most_unnamed: int = MAX_UNNAMED) -> None:
        self.now_ns = 0
        self._most = most_named
        self._named: dict[AskedName, Known] = {}
        self._unnamed: Shares[Known] = Shares(most_unnamed)

    def at(self, now_ns: int) -> None:
        """Take the time; it does not go back."""
        self.now_ns = max(self.now_ns, now_ns)

    def look(self, asked: AskedName) -> Known | None:
        """Return what is known of a number, None if nothing is."""
        known = self._named.get(asked) or self._unnamed.look(asked)
        return known if known is not None and self.now_ns < known.until_ns else None

    def use(self, asked: AskedName) -> Known | None:
        """Return the same, for a record."""
        known = self._named.pop(asked, None)
        if known is not None:
            self._named[asked] = known  # the last that was used
        else:
            known = self._unnamed.use(asked)
        return known if known is not None and self.now_ns < known.until_ns else None

    def put(self, answer: Named) -> bool:
        """Know an answer; say whether it is another than was known."""
        before, now_ns = self.look(answer.asked), self.now_ns
        if answer.name is None and before is not None and not before.late:
            # what was true a while ago is taken for true until its time is over
            known = before._replace(again_ns=now_ns + LATE_AGAIN_NS)
        elif answer.name is None:
            known = Known("", now_ns + LATE_AGAIN_NS, now_ns + LATE_NS, late=True)
        elif answer.name:
            known = Known(answer.name, now_ns + NAMED_AGAIN_NS, now_ns + NAMED_NS)
        else:
            known = Known("", now_ns + UNNAMED_AGAIN_NS, now_ns + UNNAMED_NS)
        self._named.pop(answer.asked, None)
        if known.name:
            self._named[answer.asked] = known
            if len(self._named) > self._most:
                del self._named[next(iter(self._named))]
        else:
            self._unnamed.put(answer.asked, answer.sharer, known)
        return before is None or (before.name, before.late) != (known.name, known.late)
