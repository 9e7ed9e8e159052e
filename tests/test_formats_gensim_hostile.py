"""Files that are not what gensim saves: damaged, hostile, foreign."""

import contextlib
import pickle

import numpy as np
import pytest
import test_formats_gensim
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_formats_gensim import VECTORS, WORDS, old_model, stand_in

from fastvec import FastText, FrozenPhrases, KeyedVectors, Phrases, Word2Vec, cli, formats
from fastvec.errors import FormatError
from fastvec.formats import gensim as files

dump = test_formats_gensim.dump


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_bytes_end_in_a_model_or_an_error(dump, draw):
    path = dump(
        stand_in("gensim.models.word2vec", "Word2Vec", **old_model(negative=2, epochs=1, max_vocab_size=None))
    )
    data = bytearray(path.read_bytes())
    for _ in range(draw.draw(st.integers(1, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    path.write_bytes(data)
    for load in (Word2Vec.load, KeyedVectors.load, Phrases.load):
        with contextlib.suppress(FormatError):
            load(path)


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_bytes_of_arrays_end_in_an_array_or_an_error(tmp_path, draw):
    path = tmp_path / "a.npy"
    np.save(path, VECTORS)
    data = bytearray(path.read_bytes())
    for _ in range(draw.draw(st.integers(1, 3))):
        data[draw.draw(st.integers(0, 127))] = draw.draw(st.integers(0, 255))
    path.write_bytes(data)
    with contextlib.suppress(FormatError):
        assert files._mapped(str(path)).dtype.kind in "biuf"


EVIL = b"cos\nmkdir\n(S'%s'\ntR."


@pytest.mark.parametrize(
    "load", [Word2Vec.load, KeyedVectors.load, FastText.load, Phrases.load, FrozenPhrases.load]
)
def test_hostile_files_are_refused_and_not_run(tmp_path, load):
    victim = tmp_path / "victim"
    (tmp_path / "evil").write_bytes(EVIL % str(victim).encode())
    with pytest.raises(FormatError, match=r"evil: no object of gensim's .*object os\.mkdir"):
        load(tmp_path / "evil")
    assert not victim.exists()


def test_other_objects_are_refused(dump):
    path = dump(stand_in("gensim.models.tfidfmodel", "TfidfModel", idfs={}))
    for load, reason in ((KeyedVectors.load, "no list of words"), (Phrases.load, "no phrases of gensim's")):
        with pytest.raises(FormatError, match=reason):
            load(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(FormatError, match="a dict"):
        KeyedVectors.load(path)


def test_files_are_told_by_their_content(dump, tmp_path):
    path = dump(stand_in("gensim.models.word2vec", "Word2Vec", **old_model()))
    assert formats.sniff(path) == "pickle" and files.recognised(path)
    assert list(cli.load(path).words) == WORDS, "the command line opens it, too"
    (tmp_path / "text").write_bytes(b"cat sat\non the mat\n")
    assert formats.sniff(tmp_path / "text") is None and not files.recognised(tmp_path / "text")
