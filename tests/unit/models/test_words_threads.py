"""Words are compared from several threads at once: researchers search side by side."""

from concurrent.futures import ThreadPoolExecutor

from handrail.models.words import stem


def test_threads_that_stem_at_once_do_not_disturb_one_another() -> None:
    texts = [f"{root}{end}" for root in ("relation", "nation", "compact", "commit") for end in
             ("alizing", "ing", "ations", "ed", "ional", "ness", "fully", "izer")] * 40  # fmt: skip
    alone = [stem.__wrapped__(text) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(stem.__wrapped__, texts * 10))

    assert together == alone * 10
