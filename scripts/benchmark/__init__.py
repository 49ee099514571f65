"""altool's speed, side by side with loops as the released code has them; `scripts/bench.py` is the command."""
