"""A table of texts as a terminal, Markdown or LaTeX shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = "–"


@dataclass(frozen=True)
class Sheet:
    """`rows`: the header first, all of one length; the first column holds names, the others numbers."""

    heading: str
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]

    def show(self, format: str, width: int) -> str:
        """`format`: text (at most `width` columns where the names allow it), markdown or latex. Ends in a newline."""
        return {"text": self._text, "markdown": self._markdown, "latex": self._latex}[format](width)

    def _text(self, width: int) -> str:
        """Aligned columns; those that do not fit go into further blocks below."""
        rows = self.rows
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        blocks, used = [[0]], widths[0]
        for i in range(1, len(widths)):
            if used + 2 + widths[i] > width and len(blocks[-1]) > 1:
                blocks.append([0])
                used = widths[0]
            blocks[-1].append(i)
            used += 2 + widths[i]
        lines = [self.heading]
        for block in blocks:
            lines.append("")
            for number, row in enumerate(rows):
                aligned = [row[i].rjust(widths[i]) for i in block[1:]]
                lines.append("  ".join([row[0].ljust(widths[0]), *aligned]).rstrip())
                if number == 0:
                    lines.append("─" * (sum(widths[i] for i in block) + 2 * (len(block) - 1)))
        return "\n".join([*lines, "", *self.notes]) + "\n"

    def _markdown(self, width: int) -> str:
        head, *body = [[text.replace("|", "\\|") for text in row] for row in self.rows]
        lines = [head, ["---", *["--:"] * (len(head) - 1)], *body]
        table = ["| " + " | ".join(row) + " |" for row in lines]
        return "\n".join([f"**{self.heading}**", "", *table, "", *self.notes]) + "\n"

    def _latex(self, width: int) -> str:
        """A tabular for booktabs; heading and notes as comments, to be moved into the caption."""
        head, *body = [[_escaped(text) for text in row] for row in self.rows]
        lines = [
            *(f"% {line}" for line in [self.heading, *self.notes, "needs: booktabs"]),
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *(" & ".join(row) + r" \\" for row in body),
            r"\bottomrule",
            r"\end{tabular}",
        ]
        return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    for plain, latex in (("\\", r"\textbackslash "), ("±", r"$\pm$"), (NOTHING, "--")):
        text = text.replace(plain, latex)
    for character in "_%&#":
        text = text.replace(character, f"\\{character}")
    for plain, latex in (
        ("×", r"$\times$"),
        ("…", r"\dots "),
        ("≥", r"$\geq$"),
        ("<", r"$<$"),
        (">", r"$>$"),
    ):
        text = text.replace(plain, latex)
    return text
