from hypothesis import given
from hypothesis import strategies as st

from knowledge.terms import TermStatistics, best_possible, document_terms, query_terms, spelled_out


def test_compound_names_are_found_by_their_parts_and_as_a_whole():
    """`KubePodCrashLooping` is found by "pod crash looping" and by its exact name; so are snake and kebab case."""
    terms = set(document_terms("KubePodCrashLooping container_memory_working_set image-pull"))
    for words in ("pod crash looping", "kubepodcrashlooping", "memory working set", "image pull"):
        assert query_terms(words) <= terms, words


def test_abbreviations_match_their_long_form():
    """A runbook that says PVC answers a question about a persistent volume claim, and the other way round."""
    assert query_terms("persistent volume claim") <= set(document_terms("KubePVCFull"))
    assert spelled_out("KubePVCFull") == "KubePVCFull Kube PVC Full persistent volume claim"


@given(st.text(max_size=400))
def test_any_text_can_be_indexed_and_searched(text: str):
    """No text, however odd, breaks indexing or searching."""
    assert query_terms(text) == frozenset(document_terms(text))


words = st.lists(
    st.sampled_from(["pod", "node", "disk", "dns", "crash", "image", "quota", "probe"]), min_size=1, max_size=40
)


@given(words, words)
def test_no_chunk_scores_above_the_best_possible(document: list[str], question: list[str]):
    """The bound that confidence divides by is never exceeded, so the ratio stays between 0 and 1."""
    terms = document_terms(" ".join(document))
    query = TermStatistics([terms]).weighted(dict.fromkeys(query_terms(" ".join(question)), 1.0))
    score = sum(weight * terms.get(term, 0.0) for term, weight in query.items())
    assert 0 <= score <= best_possible(query) + 1e-6


def test_statistics_forget_removed_chunks():
    """Rarity after adding and removing a chunk is what it was before."""
    statistics = TermStatistics([[1, 2], [2, 3]])
    before = statistics.rarity(2)
    statistics.add([2])
    assert statistics.rarity(2) < before
    statistics.remove([2])
    assert statistics.rarity(2) == before
