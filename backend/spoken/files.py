"""Questions in words, from text files: one relation a file, one wording a line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shatterscope.backend.lm.pretrained import LanguageModelError
from shatterscope.backend.lm.tokenizer import Tokenizer

SHIPPED = Path(__file__).parent / "wordings"
OWN = "wordings"  # a folder of a model's own, beside its weights
SUBJECT, STEPS = "{subject}", "{k}"
MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Words:
    """A line of a file. `text` holds `{subject}` once, and `{k}` where it asks for other steps than one."""

    text: str

    @property
    def asks_for_steps(self) -> bool:
        return STEPS in self.text

    @property
    def begins_with_subject(self) -> bool:
        """A model's first token draws all attention, whatever it is, and all names look alike there: such a wording is told, and never asked."""
        return not self.text.partition(SUBJECT)[0].strip()

    def tokens(self, tokenizer: Tokenizer, steps: int = 1) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Token ids before and behind the subject, which goes with the blank before it. Raises `LanguageModelError` where there is no text behind it."""
        before, _, after = self.text.replace(STEPS, str(steps)).partition(SUBJECT)
        head, tail = tokenizer.encode(before.rstrip(" ")), tokenizer.encode_on(after)
        if not tail:
            raise LanguageModelError(f"{self.text!r:.200} ends with the subject; put the question behind {SUBJECT}")
        return tuple(head), tuple(tail)


def read_wordings(file: Path) -> list[Words]:
    """Raises `LanguageModelError` that names the file and the line."""
    if file.stat().st_size > MOST_BYTES:
        raise LanguageModelError(f"{file.name} is larger than {MOST_BYTES // 1024} KB; these are lines of text")
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise LanguageModelError(f"{file.name} is no text in UTF-8") from None
    found = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.count(SUBJECT) != 1:
            raise LanguageModelError(f"{file.name}, line {number}: {SUBJECT} must stand in it once: {text!r:.120}")
        found.append(Words(text))
    if not found:
        raise LanguageModelError(f"{file.name} holds no question")
    return found


def read_all(own: Path | None = None) -> dict[str, list[Words]]:
    """Those that ship, by relation; a file of the same name in the folder `own` takes the place of one."""
    files = {
        file.stem: file for folder in (SHIPPED, own) if folder is not None for file in sorted(folder.glob("*.txt"))
    }
    return {name: read_wordings(file) for name, file in files.items()}
