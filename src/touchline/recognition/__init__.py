"""Identifiers become personas, personas become customers, and a wrong merge can be undone."""

from touchline.recognition import administration
from touchline.recognition.administration import rebuilt
from touchline.recognition.counting import reserve
from touchline.recognition.operations import erase, merge, split
from touchline.recognition.people import addresses, find, identifiers, people
from touchline.recognition.recognising import SIGHTINGS, Recognised, Recogniser, recognise

__all__ = [
    "SIGHTINGS",
    "Recognised",
    "Recogniser",
    "addresses",
    "administration",
    "erase",
    "find",
    "identifiers",
    "merge",
    "people",
    "rebuilt",
    "recognise",
    "reserve",
    "split",
]
