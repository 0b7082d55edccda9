"""What a parsed page means: its kind, its forms, menus, pages, regions and calls to action, by rules."""

from gleanery.knowledge.meaning.main_content import NOTHING_FOUND, MainContent
from gleanery.knowledge.meaning.page import meaning_of

__all__ = ["NOTHING_FOUND", "MainContent", "meaning_of"]
