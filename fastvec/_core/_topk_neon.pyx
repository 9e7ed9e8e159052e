"""Exact search compiled for the variant "neon" of _variants.py."""

include "topk.pxi"
