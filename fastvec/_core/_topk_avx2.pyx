"""Exact search compiled for the variant "avx2" of _variants.py."""

include "topk.pxi"
