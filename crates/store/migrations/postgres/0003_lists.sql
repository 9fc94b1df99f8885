-- What lists of requests go along, however long the history. All but the first two hold only what is
-- open, so they stay small; an entry is made with its row, and goes when the row is over.
CREATE INDEX request_right ON request (right_word, id);
CREATE INDEX task_connection ON task (connection_id, request_id, id);
CREATE INDEX request_brand ON request (brand, id) WHERE brand IS NOT NULL;
CREATE INDEX request_open ON request (id, due_at) WHERE state <> 'closed';
CREATE INDEX task_held ON task (connection_id, request_id, id) WHERE state <> 'ended';
CREATE INDEX task_needy ON task (request_id, id) WHERE needs_person AND state <> 'ended';
