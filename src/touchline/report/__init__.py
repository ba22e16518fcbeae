"""Drawings and reports: the line, the map of the base, who is held by what, as one HTML file."""

from touchline.report.choosing import Pick, choose
from touchline.report.circle import Circle, Lift, Said
from touchline.report.holds import holds_of
from touchline.report.map import map_of
from touchline.report.page import Report, render
from touchline.report.setting import Setting
from touchline.report.story import CustomerStory, name_of, rows_of, tell
from touchline.report.totals import base_of, series_of

__all__ = [
    "Circle",
    "CustomerStory",
    "Lift",
    "Pick",
    "Report",
    "Said",
    "Setting",
    "base_of",
    "choose",
    "holds_of",
    "map_of",
    "name_of",
    "render",
    "rows_of",
    "series_of",
    "tell",
]
