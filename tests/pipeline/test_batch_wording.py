"""An endpoint that refuses the wording of a batch's requests is asked again in words that it takes, once a batch."""

from __future__ import annotations

from calibtui.gateway.batch.apis import batch_api
from calibtui.gateway.batch.contract import BatchFailure
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.dialects.openai import OpenAi
from calibtui.gateway.endpoint import Endpoint
from calibtui.gateway.errors import ErrorClass, Trouble
from calibtui.pipeline.batches.desk import OpenBatch
from calibtui.pipeline.batches.results import _rewords
from calibtui.store.batches import BatchRow

ENDPOINT = Endpoint("acme", "http://h/v1", (), {}, {})
ROW = BatchRow("b", "run", "acme", None, "p@1", "pd", "m", "params", 5, 6, 900, 120, "submitted", "batch_1", 1.0)


def refused(param: str, kind: ErrorClass = ErrorClass.BAD_REQUEST) -> BatchFailure:
    return BatchFailure(kind.value, "no", trouble=Trouble(kind, f"unsupported: {param}", "", param=param))


def handed_in() -> OpenBatch:
    api = batch_api(ENDPOINT, ChatRequest("m", "", "How hard?", 120, 0.0, {"type": "object"}), None)
    return OpenBatch(ROW, (), api, api.dialect, "batch_1")


def test_a_refused_parameter_is_left_out_of_every_later_batch_and_the_frame_is_asked_again():
    batch = handed_in()
    assert _rewords(batch, refused("temperature"))
    assert isinstance(batch.api.dialect, OpenAi) and not batch.api.dialect.temperature
    assert b"temperature" not in batch.api.line("a", b"jpeg")


def test_a_thousand_refusals_of_one_batch_teach_no_more_than_the_first():
    batch = handed_in()
    assert all(_rewords(batch, refused("response_format")) for _ in range(1000))
    assert isinstance(batch.api.dialect, OpenAi) and batch.api.dialect.structure == "guided_json"


def test_a_refusal_that_teaches_nothing_and_any_other_trouble_fail_the_frame():
    assert not _rewords(handed_in(), refused("image_url"))
    assert not _rewords(handed_in(), refused("temperature", ErrorClass.UPSTREAM))
    assert not _rewords(handed_in(), BatchFailure("expired", "late"))
