-- The batch queue is read as far as it is due: most of a long one may wait for a quota.

DROP INDEX task_queued;
CREATE INDEX task_queued ON task (connection_id, due_at, since, id) WHERE queued;
