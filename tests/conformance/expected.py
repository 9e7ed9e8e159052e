"""Which of gensim's tests do not pass, and why. Whoever makes one pass takes it off the list: the harness insists."""

BYTES = "a private class of gensim's, which yields bytes"

EXPECTED_FAILURES: dict[str, dict[str, str]] = {
    "test_keyedvectors": {},
    "test_phrases": {},
    "test_word2vec": {
        "TestWord2VecSentenceIterators.test_cython_line_sentence_works_with_filename": BYTES,
    },
}
"""Module of gensim.test: class and method: reason. The modules that stand here are run."""

SKIPPED_BY_GENSIM = {
    "test_word2vec": {"TestWord2VecModel.test_method_in_bulk"},
}
"""Tests that gensim itself skips unless they are asked for."""
