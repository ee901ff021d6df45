"""The README's table of hosts is what the other tests have shown. This one runs last, see conftest.py."""

from __future__ import annotations

from where import Proofs, said, table


def test_the_table_of_the_readme_is_what_was_shown(proofs: Proofs) -> None:
    if proofs.whole:
        assert said() == table(proofs.cells)
        return
    # Of a part of the tests can be said only that the README claims all that they have shown.
    promised = dict(zip(said(), table(proofs.cells), strict=True))
    for line, shown in promised.items():
        for claimed, seen in zip(line.split("|"), shown.split("|"), strict=True):
            assert claimed.strip() == seen.strip() or not seen.strip(), f"{line} against {shown}"
