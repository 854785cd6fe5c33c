-- Jobs that measure something beside the stages: what is asked for, and what came of it, both JSON, '' for a job of stages.
ALTER TABLE queued_jobs ADD COLUMN task VARCHAR DEFAULT '';
ALTER TABLE queued_jobs ADD COLUMN result VARCHAR DEFAULT '';
