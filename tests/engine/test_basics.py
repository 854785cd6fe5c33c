"""An engine answers, tells its state, and runs what it is asked to."""

from calibtui.engine.wire.runs import JobOutcome, Start


async def test_a_client_sees_the_state_at_once(engine):
    snapshot = await anext(engine.snapshots())
    assert [stage.state for stage in snapshot.stages] == ["never"] * 5


async def test_a_job_scores_the_pool(engine):
    done = await engine.do(Start(stages=("score",), confirmed=True))
    async for snapshot in engine.snapshots():
        job = next(job for job in snapshot.jobs if job.name == done.job)
        print(
            snapshot.number,
            snapshot.data,
            [(s.name, s.state, s.done, s.total) for s in snapshot.stages],
            snapshot.scoring,
        )
        if job.ended_at is not None:
            break
    assert (job.state, job.exit_code) == ("done", 0), job.error
    ended = await engine.ask(JobOutcome(job=done.job))
    assert '"scored": 24' in ended.summary
