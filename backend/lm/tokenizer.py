"""Text to token ids and back, by a model's own tokeniser (`tokenizer.json`)."""

from __future__ import annotations

from collections.abc import Sequence

from shatterscope.backend.lm.pretrained import LanguageModelError


class Tokenizer:
    """Raises `LanguageModelError` where `content` is no tokenizer.json."""

    def __init__(self, content: str) -> None:
        import tokenizers

        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(content)
        except Exception as error:  # the library's errors have no class of their own
            raise LanguageModelError(f"tokenizer.json cannot be used: {error}") from None

    @property
    def size(self) -> int:
        """How many tokens it knows."""
        return self._tokenizer.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """With what the model wants at a text's beginning or end, as the transformers library gives it. Raises `LanguageModelError` where it has no way to write
        it."""
        return self._ids(text)

    def encode_on(self, text: str) -> list[int]:
        """As it goes on in a sentence: nothing at its beginning or end."""
        return self._ids(text, add_special_tokens=False)

    def _ids(self, text: str, **options: bool) -> list[int]:
        try:
            return self._tokenizer.encode(text, **options).ids
        except Exception as error:  # as above
            raise LanguageModelError(f"tokenizer.json cannot read {text!r:.60}: {error}") from None

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def single(self, text: str) -> int:
        """The one token that `text` is; with the blank before it, where it goes on in a sentence.

        Raises:
            LanguageModelError: it is several, or none.
        """
        ids = self.encode_on(text)
        if len(ids) != 1:
            parts = ", ".join(repr(self.decode([id])) for id in ids[:8])
            raise LanguageModelError(
                f"{text!r:.60} is {len(ids)} tokens{f' ({parts})' if parts else ''}; take a name that is one token of this model"
            )
        return ids[0]
