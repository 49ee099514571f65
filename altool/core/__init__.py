"""L0: what everything else stands on. No torch at import time."""
