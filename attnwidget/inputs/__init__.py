"""What the caller hands over (a model, a text) → what the forward pass takes, and the tokens of each position."""

from __future__ import annotations

from attnwidget.inputs.tokens import KINDS, ROLES, Token, kind_of

__all__ = ["KINDS", "ROLES", "Token", "kind_of"]
