-- Which key a ciphertext names, where only an index finds those that name an older one.

ALTER TABLE request_key ADD COLUMN epoch TEXT COLLATE "C";
CREATE INDEX request_key_epoch ON request_key (epoch);

-- Of evidence about many; that about one person names the key of a request.
ALTER TABLE evidence ADD COLUMN sealed_under TEXT COLLATE "C";
CREATE INDEX evidence_sealed_under ON evidence (sealed_under) WHERE sealed_under IS NOT NULL;

-- The token under the key before, while identifiers move to a new index key: those that have moved are
-- compared by it with those that have not.
ALTER TABLE identifier ADD COLUMN older_token TEXT COLLATE "C";
CREATE INDEX identifier_older ON identifier (older_token) WHERE older_token IS NOT NULL;
