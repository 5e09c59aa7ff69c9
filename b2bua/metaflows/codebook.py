# SPDX-License-Identifier: GPL-3.0-or-later
"""What to collect for an endpoint: its merged metaflows, split into what runs and what only shadows. SIP thread.

Shadow mode (`mode: shadow` on the object or on one code; a code's own word wins) matches and reports, runs nothing and
withholds nothing. So one endpoint may need two collectors: one that knows only the live codes and works as ever, and a
silent one that knows all codes, keeps no press back, and reports those that are shadowed.

The answer is remembered per set of documents. Documents are never changed in place, so a new snapshot of the directory
brings new objects for whatever was changed, and only those are worked out again.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from b2bua.calls.directory import Document, Endpoint
from b2bua.metaflows.collector import Rules
from b2bua.metaflows.match import Match, Matcher, Slow
from b2bua.metaflows.merge import merged
from b2bua.metaflows.schema import Metaflows, Node

log = logging.getLogger(__name__)

MAX_KEPT = 20_000  # sets of documents remembered; the one unused longest goes first


@dataclass(frozen=True, slots=True)
class Codes:
    """What one collector works with. Shared by all calls: nothing here changes.

    document  the merged metaflows without their nodes
    nodes     `numbers` and `patterns` as stored, good ones: plain data, for there may be very many of them, and the
              garbage collector walks over every model
    shadow    matches are only reported; those of live codes are none of its business
    """

    document: Metaflows
    nodes: Mapping[str, Mapping[str, Any]]
    rules: Rules
    matcher: Matcher
    shadow: bool = False

    def node(self, match: Match) -> Node:
        """What a match names."""
        return Node.model_validate(self.nodes[match.kind][match.key])

    def place(self, match: Match) -> int:
        """Which code of the document it is, counted from 1, numbers first: names it without its digits."""
        keys = [(kind, key) for kind, nodes in self.nodes.items() for key in nodes]
        return keys.index((match.kind, match.key)) + 1

    def is_shadowed(self, node: Node) -> bool:
        """Does this code only report?"""
        return (node.mode or self.document.mode) == "shadow"


class Codebook:
    """Looks up the codes of endpoints; one for all calls."""

    def __init__(self, slow: Slow) -> None:
        self._slow = slow
        self._known: OrderedDict[tuple[int, ...], tuple[tuple[Document, ...], tuple[Codes, ...]]] = OrderedDict()

    def of(self, endpoint: Endpoint) -> tuple[Codes, ...]:
        """One entry per collector that the endpoint needs; none when it has no codes, or unusable ones."""
        key = tuple(map(id, endpoint.metaflows))
        found = self._known.get(key)
        if found is not None:  # the documents are kept alive with it, so their ids cannot come to mean others
            self._known.move_to_end(key)
            return found[1]
        codes = self._worked_out(endpoint)
        self._known[key] = (endpoint.metaflows, codes)
        if len(self._known) > MAX_KEPT:
            self._known.popitem(last=False)
        return codes

    def _worked_out(self, endpoint: Endpoint) -> tuple[Codes, ...]:
        try:
            whole = merged(endpoint.metaflows)
            document = Metaflows.model_validate(whole)
        except ValidationError as error:
            log.error("the metaflows of %s %s cannot be used: %d mistakes", endpoint.kind, endpoint.id,
                      error.error_count())
            return ()
        if not document.has_codes:
            return ()
        nodes = {kind: whole.get(kind) or {} for kind in ("numbers", "patterns")}
        return _split(document, nodes, self._slow)


def _split(document: Metaflows, nodes: Mapping[str, Mapping[str, Any]], slow: Slow) -> tuple[Codes, ...]:
    """The live codes first, if there are any; then all of them, if one is shadowed."""
    rules = Rules.of(document)
    whole = Matcher(nodes["numbers"], nodes["patterns"], slow)
    modes = {node.mode or document.mode for kind in (document.numbers, document.patterns)
             for node in (kind or {}).values()}
    bare = document.model_copy(update={"numbers": None, "patterns": None})
    if modes == {"live"}:
        return (Codes(bare, nodes, rules, whole),)
    shadow = Codes(bare, nodes, replace(rules, hide_codes=False), whole, shadow=True)
    if "live" not in modes:
        return (shadow,)
    live = Matcher(_live(document, document.numbers), _live(document, document.patterns), slow)
    return Codes(bare, nodes, rules, live), shadow


def _live(document: Metaflows, nodes: Mapping[str, Node] | None) -> list[str]:
    return [key for key, node in (nodes or {}).items() if (node.mode or document.mode) == "live"]
