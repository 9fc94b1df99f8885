-- What names an older key is gone through page by page, each after the last row of the one before.

DROP INDEX evidence_sealed_under;
CREATE INDEX evidence_sealed_under ON evidence (sealed_under, id) WHERE sealed_under IS NOT NULL;
