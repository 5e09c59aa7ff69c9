# SPDX-License-Identifier: GPL-3.0-or-later
"""English. Pure. Everything is written out in words, so that every engine says the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from b2bua.metaflows.saying.item import Item

_ONES_TEXT = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen")
_TENS_TEXT = (
    "_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_ALPHABET_TEXT = (
    "Alpha Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar "
    "Papa Quebec Romeo Sierra Tango Uniform Victor Whiskey X-ray Yankee Zulu")
_ONES, _TENS, _ALPHABET = _ONES_TEXT.split(), _TENS_TEXT.split(), _ALPHABET_TEXT.split()
_SCALES = ((10 ** 12, "trillion"), (10 ** 9, "billion"), (10 ** 6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
             "twelve": "twelfth"}
_SIGNS = {".": "dot", "@": "at", "/": "slash", ":": "colon", "-": "dash", "_": "underscore", "#": "pound", "*": "star",
          "+": "plus", "&": "and", "?": "question mark", "=": "equals", "%": "percent", "~": "tilde", ",": "comma",
          " ": "space", "'": "apostrophe"}
_MONEY = {"$": ("dollar", "cent"), "USD": ("dollar", "cent"), "€": ("euro", "cent"), "EUR": ("euro", "cent"),
          "£": ("pound", "penny"), "GBP": ("pound", "penny")}
_PLURALS = {"penny": "pence"}
_STREETS = {"st": "Street", "rd": "Road", "ave": "Avenue", "blvd": "Boulevard", "dr": "Drive", "apt": "Apartment",
            "ste": "Suite", "ln": "Lane", "hwy": "Highway", "sq": "Square"}


def cardinal(number: int) -> str:
    """1234: one thousand two hundred thirty-four."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + (f"-{_ONES[number % 10]}" if number % 10 else "")
    value, name = next(scale for scale in _SCALES if number >= scale[0])
    rest = number % value
    return f"{cardinal(number // value)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """21: twenty-first."""
    head, last = re.fullmatch(r"(.*?)([a-z]+)", cardinal(number)).groups()  # type: ignore[union-attr]
    if last in _ORDINALS:
        return head + _ORDINALS[last]
    return head + (f"{last[:-1]}ieth" if last.endswith("y") else last.rstrip("t") + "th")


def _decimal(number: Decimal) -> str:
    whole, _, part = f"{abs(number):f}".partition(".")
    words = cardinal(int(whole)) + (f" point {_digits(part)}" if part.strip("0") else "")
    return f"minus {words}" if number < 0 else words


def _digits(text: str) -> str:
    """Digit by digit, signs by their names, letters as they are."""
    return " ".join(_ONES[int(sign)] if sign in "0123456789" else _SIGNS.get(sign, sign.upper())
                    for sign in text if sign not in " ,")


def _number(item: Item) -> str:
    if item.method == "iterated":
        return ("minus " if item.number < 0 else "") + _digits(f"{abs(item.number):f}")
    return ordinal(item.whole) if item.method == "counted" else _decimal(item.number)


def _things(one: str, many: str) -> Callable[[Item], str]:
    return lambda item: f"{_number(item)} {one if item.number == 1 or item.method == 'counted' else many}"


def _amount(number: int, one: str) -> str:
    return f"{cardinal(number)} {one if number == 1 else _PLURALS.get(one, one + 's')}"


def _currency(item: Item) -> str:
    found = re.fullmatch(r"([$€£]|[A-Z]{3})?\s*(-?[\d.,' ]+?)\s*([$€£]|[A-Z]{3})?", item.text)
    sign = (found[1] or found[3] or "$") if found else ""
    if found is None or sign not in _MONEY:
        raise ValueError("the text is no amount of dollars, euros or pounds")
    cents = round(Item(found[2], item.method, item.gender, item.now).number * 100)
    big, small = _MONEY[sign]
    words = [_amount(abs(cents) // 100, big)] if abs(cents) >= 100 or not cents else []
    words += [_amount(abs(cents) % 100, small)] if cents % 100 else []
    return ("minus " if cents < 0 else "") + " and ".join(words)


def _date(item: Item) -> str:
    return _day(item.moment)


def _day(moment: datetime) -> str:
    hundreds, rest = divmod(moment.year, 100)
    year = cardinal(moment.year) if hundreds % 10 == 0 and rest < 10 else \
        f"{cardinal(hundreds)} {'hundred' if not rest else cardinal(rest) if rest > 9 else 'oh ' + cardinal(rest)}"
    return f"{moment:%A}, {moment:%B} {ordinal(moment.day)}, {year}"


def _time(item: Item) -> str:
    return _clock(item.moment)


def _clock(moment: datetime) -> str:
    minutes = "" if not moment.minute else f" {'oh ' if moment.minute < 10 else ''}{cardinal(moment.minute)}"
    return f"{cardinal(moment.hour % 12 or 12)}{minutes} {'A M' if moment.hour < 12 else 'P M'}"


def _date_time(item: Item) -> str:
    return f"{_date(item)}, at {_time(item)}"


def _short_date_time(item: Item) -> str:
    days = (item.now.date() - item.moment.date()).days
    near = {0: "today", 1: "yesterday", -1: "tomorrow"}
    day = near.get(days) or (f"{item.moment:%A}" if 0 < days < 7 else f"{item.moment:%B} {ordinal(item.moment.day)}")
    return f"{day} at {_time(item)}"


def _measurement(item: Item) -> str:
    hours, rest = divmod(item.duration_s, 3600)
    parts = [(hours, "hour"), (rest // 60, "minute"), (rest % 60, "second")]
    words = [_amount(number, name) for number, name in parts if number] or ["zero seconds"]
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]


def _telephone(item: Item) -> str:
    """Groups as they are written, else of three, the last of four: 5551234567."""
    groups = [group for group in re.split(r"[\s().-]+", item.text) if group]
    if len(groups) == 1 and len(bare := groups[0].lstrip("+")) > 6:
        head = bare[:-4]
        cut = len(head) % 3 or 3
        groups = [groups[0][:len(groups[0]) - len(bare)] + head[:cut],
                  *(head[at:at + 3] for at in range(cut, len(head), 3)), bare[-4:]]
    return ", ".join(_digits(group) for group in groups)


def _address(item: Item) -> str:
    words = []
    for word in item.text.replace(",", " , ").split():
        bare = word.rstrip(".").lower()
        words.append(_STREETS.get(bare) or (cardinal(int(word)) if re.fullmatch(r"\d{1,3}", word)
                                            else _digits(word) if re.fullmatch(r"[\d-]+", word) else word))
    return " ".join(words).replace(" ,", ",")


def _internet(item: Item) -> str:
    """Words as words, everything else by its name."""
    text = re.sub(r"^https?://", "", item.text) if item.method == "pronounced" else item.text
    if item.method == "iterated":
        return _digits(text)
    return " ".join(_digits(part) if part.isdigit() else _SIGNS.get(part, part)
                    for part in re.findall(r"[^\W\d_]+|\d+|[\W_]", text))


def _ip(item: Item) -> str:
    if item.method == "iterated" or ":" in item.text:
        return _digits(item.text)
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", item.text):
        raise ValueError("the text is no IP address")
    return " dot ".join(cardinal(int(part)) for part in item.text.split("."))


def _spelled(item: Item) -> str:
    return ", ".join(_ONES[int(sign)] if sign in "0123456789" else _SIGNS.get(sign, sign.upper()) for sign in item.text)


def _phonetic(item: Item) -> str:
    names = {word[0]: word for word in _ALPHABET} | dict(zip("0123456789", _ONES, strict=False)) | _SIGNS
    return ", ".join(names.get(sign.upper(), sign) for sign in item.text)


def _each(item: Item) -> str:
    return _digits(item.text)


KINDS: Mapping[str, Callable[[Item], str]] = {
    "account_number": _each, "currency": _currency, "current_date": _date, "current_date_time": _date_time,
    "current_time": _time, "email_address": _internet, "ip_address": _ip, "items": _things("item", "items"),
    "messages": _things("message", "messages"), "name_phonetic": _phonetic, "name_spelled": _spelled,
    "number": _number, "persons": _things("person", "persons"), "postal_address": _address,
    "short_date_time": _short_date_time, "telephone_extension": _each, "telephone_number": _telephone,
    "time_measurement": _measurement, "url": _internet,
}
