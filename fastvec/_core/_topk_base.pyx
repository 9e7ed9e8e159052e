"""Exact search compiled for the variant "base" of _variants.py."""

include "topk.pxi"
