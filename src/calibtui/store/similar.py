"""Scores taken over from frames that show the same: who took whose, what the guard compares, what the audit found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from calibtui.core.scores import ScoreKey
from calibtui.store.table import Table, bulk

_KEY = "payload_digest, prompt_digest, model, parameters_digest, pass"


@dataclass(frozen=True, slots=True)
class HitRow:
    """The frame `digest` shows what the scored frame `from_digest` shows; `from_payload_digest` is in the key of that
    frame's score, the rest of which is the same. `largest_change`: grey levels, of the worst block."""

    key: ScoreKey
    digest: str
    from_payload_digest: str
    from_digest: str
    cosine: float
    largest_change: float


@dataclass(frozen=True, slots=True)
class AuditedHit:
    """A hit that was asked for: the difficulty that would have been taken over, and the judge's own."""

    key: ScoreKey
    digest: str
    from_digest: str
    cosine: float
    taken_over: float
    asked: float
    audited_at: float


class SimilarTable(Table):
    def commit(
        self,
        run: str,
        hits: Sequence[HitRow] = (),
        audits: Sequence[AuditedHit] = (),
        signatures: Mapping[str, bytes] | None = None,
        signature_version: int = 0,
    ) -> None:
        """One transaction for all of them; a newer hit of a frame replaces an older one, whose source may be gone."""
        with self._transaction() as cursor:
            if hits:
                rows = pa.Table.from_pylist([_hit_row(hit, run) for hit in hits])
                bulk(cursor, "INSERT OR REPLACE INTO similar_hits BY NAME SELECT * FROM incoming", rows)
            if audits:
                rows = pa.Table.from_pylist([_audit_row(audit, run) for audit in audits])
                bulk(cursor, "INSERT OR REPLACE INTO similar_audits BY NAME SELECT * FROM incoming", rows)
            if signatures:
                rows = pa.table(
                    {
                        "digest": list(signatures),
                        "version": pa.array([signature_version] * len(signatures), pa.int32()),
                        "signature": pa.array(list(signatures.values()), pa.binary()),
                    }
                )
                bulk(cursor, "INSERT OR IGNORE INTO signatures BY NAME SELECT * FROM incoming", rows)

    def taken_over(self, keys: pa.Table, threshold: float) -> pa.Table:
        """Scores that the keys have from other frames, for those without one of their own.

        `keys` and the result are those of ScoreTable.cached. A hit under the cosine `threshold` doesn't count, nor one
        whose source has lost its score.
        """
        sql = f"""
            SELECT keys.place, keys.frame_uri, keys.digest, source.difficulty, source.reasons, source.prompt,
                   keys.prompt_digest, keys.model AS requested_model, source.answered_model, source.provider, keys.pass,
                   source.input_tokens, source.output_tokens, source.cost_micro_eur, source.budget_node,
                   source.latency_ms, source.scored_at, source.run
            FROM (SELECT * FROM keys ANTI JOIN scores USING ({_KEY})) AS keys
            JOIN similar_hits AS hit USING ({_KEY})
            JOIN scores AS source
              ON source.payload_digest = hit.from_payload_digest AND source.prompt_digest = keys.prompt_digest
             AND source.model = keys.model AND source.parameters_digest = keys.parameters_digest
             AND source.pass = keys.pass
            WHERE hit.cosine >= {float(threshold)!r}
            ORDER BY keys.place
        """
        return self._arrow(sql, keys=keys)

    def sources(self, prompt_digest: str, model: str, parameters_digest: str, descriptor_version: int) -> pa.Table:
        """Every really scored frame under that prompt, model and parameters: the columns of scores, and `vector`, its
        descriptor of that version; the earlier scored first."""
        asked = pa.table({"prompt_digest": [prompt_digest], "model": [model], "parameters_digest": [parameters_digest]})
        sql = f"""
            SELECT scores.*, vector
            FROM scores SEMI JOIN asked USING (prompt_digest, model, parameters_digest)
            JOIN descriptors USING (digest) WHERE version = {int(descriptor_version)}
            ORDER BY scored_at, payload_digest, pass
        """
        return self._arrow(sql, asked=asked)

    def signature(self, digest: str, version: int) -> bytes | None:
        rows = self._rows("SELECT signature FROM signatures WHERE digest = ? AND version = ?", [digest, version])
        return bytes(rows[0][0]) if rows else None

    def audits(
        self, prompt_digest: str, model: str, parameters_digest: str, threshold: float
    ) -> list[tuple[float, float]]:
        """(taken over, asked) difficulty of every audit from that cosine on, in the order they were made."""
        sql = (
            "SELECT taken_over, asked FROM similar_audits WHERE prompt_digest = ? AND model = ? "
            "AND parameters_digest = ? AND cosine >= ? ORDER BY audited_at, payload_digest, pass"
        )
        rows = self._rows(sql, [prompt_digest, model, parameters_digest, threshold])
        return [(float(taken_over), float(asked)) for taken_over, asked in rows]

    def origins(self) -> dict[str, str]:
        """Digest of each frame that took a score over → digest of the scored frame it came from."""
        return dict(self._rows("SELECT digest, from_digest FROM similar_hits ORDER BY digest, pass"))


def _key_columns(key: ScoreKey) -> dict[str, object]:
    return {
        "payload_digest": key.payload_digest,
        "prompt_digest": key.prompt_digest,
        "model": key.model,
        "parameters_digest": key.parameters_digest,
        "pass": key.pass_number,
    }


def _hit_row(hit: HitRow, run: str) -> dict[str, object]:
    return {
        **_key_columns(hit.key),
        "digest": hit.digest,
        "from_payload_digest": hit.from_payload_digest,
        "from_digest": hit.from_digest,
        "cosine": hit.cosine,
        "largest_change": hit.largest_change,
        "run": run,
    }


def _audit_row(audit: AuditedHit, run: str) -> dict[str, object]:
    return {
        **_key_columns(audit.key),
        "digest": audit.digest,
        "from_digest": audit.from_digest,
        "cosine": audit.cosine,
        "taken_over": audit.taken_over,
        "asked": audit.asked,
        "run": run,
        "audited_at": audit.audited_at,
    }
