"""Tools for this repository: slides, hand-outs, execution of notebooks, checks."""

import sys

# nbformat imports jsonschema, which would spend a second on the grammars of this package,
# for a check of web addresses that no notebook has.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
