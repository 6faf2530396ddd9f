"""For the staff's room: how many wait for what."""

from controller.web.pages import Page

PAGES = (Page("lounge", "/lounge", may=lambda account, data: account.is_one_of("counter", "screen")),)
