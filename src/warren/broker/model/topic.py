"""The topic exchange: a trie of patterns, walked with the words of the routing key.

Not here: other types.

`*` stands for one word, `#` for any number of words, none included. A walk keeps the set of nodes it may be in, so it
costs what the matching branches cost, never more than words times nodes, however many `#` there are. The node of a `#`
stays in the set for every further word, and can be left at any of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from warren.broker.model.exchange import Exchange, Target

if TYPE_CHECKING:
    from warren.broker.model.bindings import Binding
    from warren.broker.model.message import Message

__all__ = ["TopicExchange"]


class _Node:
    """One word of the patterns that begin alike."""

    __slots__ = ("hash", "is_hash", "star", "targets", "words")

    def __init__(self, *, is_hash: bool = False) -> None:
        self.is_hash = is_hash
        self.words: dict[str, _Node] = {}
        self.star: _Node | None = None
        self.hash: _Node | None = None
        self.targets: dict[Binding, Target] = {}  # of patterns that end here

    @property
    def is_empty(self) -> bool:
        return not (self.targets or self.words or self.star or self.hash)

    def child(self, word: str) -> _Node | None:
        if word == "*":
            return self.star
        if word == "#":
            return self.hash
        return self.words.get(word)

    def grow(self, word: str) -> _Node:
        """Return the child for a word of a pattern, new if need be."""
        child = self.child(word)
        if child is None:
            child = _Node(is_hash=word == "#")
            self._set(word, child)
        return child

    def cut(self, word: str) -> None:
        """Drop the child for a word of a pattern."""
        if word in {"*", "#"}:
            self._set(word, None)
        else:
            del self.words[word]

    def _set(self, word: str, child: _Node | None) -> None:
        if word == "*":
            self.star = child
        elif word == "#":
            self.hash = child
        elif child is not None:
            self.words[word] = child


class TopicExchange(Exchange):
    """Finds bindings by patterns of words between dots."""

    TYPE = "topic"

    __slots__ = ("_root",)

    def __init__(self, name: str, vhost: str, **options: Any) -> None:
        super().__init__(name, vhost, **options)
        self._root = _Node()

    def bind(self, binding: Binding) -> None:
        node = self._root
        for word in _words(binding.routing_key):
            node = node.grow(word)
        node.targets[binding] = binding.target

    def unbind(self, binding: Binding) -> None:
        node = self._root
        path = []
        for word in _words(binding.routing_key):
            path.append((node, word))
            node = node.grow(word)
        del node.targets[binding]
        for parent, word in reversed(path):
            if not node.is_empty:
                break
            parent.cut(word)
            node = parent

    def match(self, keys: Sequence[str], message: Message) -> Collection[Target]:
        if len(keys) == 1:
            return self._match(keys[0])
        return [target for key in keys for target in self._match(key)]

    def _match(self, key: str) -> list[Target]:
        here = [self._root]
        _add_hashes(here, self._root.hash)
        for word in _words(key):
            here = _step(here, word)
        return [target for node in here for target in node.targets.values()]


def _words(key: str) -> list[str]:
    """Split a key or pattern. The empty one has no words at all, not one empty word."""
    return key.split(".") if key else []


def _step(here: list[_Node], word: str) -> list[_Node]:
    """Return where the walk may be one word later, no node twice."""
    there: list[_Node] = []
    for node in here:
        if node.is_hash:
            _add_hashes(there, node)
        child = node.words.get(word)
        if child is not None:
            there.append(child)
            if child.hash is not None:
                _add_hashes(there, child.hash)
        child = node.star
        if child is not None:
            there.append(child)
            if child.hash is not None:
                _add_hashes(there, child.hash)
    return there


def _add_hashes(there: list[_Node], node: _Node | None) -> None:
    """Add the node of a `#`, and of those that follow it: each may stand for no word."""
    while node is not None and node not in there:
        there.append(node)
        node = node.hash
