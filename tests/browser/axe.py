"""What axe-core has against a page: the accessibility faults that a program can see."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
"""As locked in package-lock.json; `make test` installs it."""

RUN = """
async () => {
  const values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
  const { violations } = await axe.run(document, { runOnly: { type: "tag", values }, resultTypes: ["violations"] });
  const places = (nodes) => nodes.map(({ target }) => target.join(" ")).join(", ");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, impact, help, nodes }) => `${id} (${impact}): ${help}: ${places(nodes)}`);
}
"""


async def faults(page: Page) -> list[str]:
    """The serious and critical faults of a page as it stands: rule, what is asked, and the elements that fail it."""
    # Evaluated, not added as an element: a page's security policy lets no script in that is not the controller's.
    await page.evaluate(AXE.read_text("utf-8"))
    found: list[str] = await page.evaluate(RUN)
    return found
